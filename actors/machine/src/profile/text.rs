//! What is kept as the text that it is read from.

/// Writes a type by its `Display`, and reads it with its `parse`.
macro_rules! as_text {
    ($($kind:ident),*) => {$(
        impl<C> minicbor::Encode<C> for $kind {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.str(&self.to_string())?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $kind {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                if d.datatype()? != minicbor::data::Type::String {
                    return Err(minicbor::decode::Error::message("a text is expected"));
                }
                Self::parse(d.str()?).map_err(|bad| minicbor::decode::Error::message(bad.to_string()))
            }
        }
    )*};
}

pub(super) use as_text;
