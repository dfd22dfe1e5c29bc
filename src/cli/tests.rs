//! What help texts and documents say is a command is one.

use chancery_machine::time::Timestamp;
use clap::error::ErrorKind;

use super::*;

/// Where commands stand, beside the help texts.
const DOCUMENTS: [(&str, &str); 5] = [
    ("README.md", include_str!("../../README.md")),
    ("CHANGELOG.md", include_str!("../../CHANGELOG.md")),
    ("docs/ARCHITECTURE.md", include_str!("../../docs/ARCHITECTURE.md")),
    ("docs/MANAGING.md", include_str!("../../docs/MANAGING.md")),
    ("docs/OPERATING.md", include_str!("../../docs/OPERATING.md")),
];

/// The same with their comments as prose and commands.
const EXAMPLE_FILES: [(&str, &str); 2] = [
    ("examples/chancery.toml", include_str!("../../examples/chancery.toml")),
    ("examples/profiles.toml", include_str!("../../examples/profiles.toml")),
];

/// The code blocks of a document, with their languages.
fn blocks(document: &str) -> Vec<(&str, &str)> {
    let fenced = document.split("```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').expect("a block begins with its language")).collect()
}

/// The commands that a text's sentences name, between backticks.
fn spans(prose: &str) -> Vec<String> {
    let spans = prose.split('`').skip(1).step_by(2);
    let lines = spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| line.starts_with("chancery ")).collect()
}

/// The commands of help texts and comments: indented, their explanation after two spaces.
fn indented(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("  ")).map(str::trim);
    lines.filter_map(|line| line.split("  ").next().map(str::to_owned)).collect()
}

/// The commands of ours in a line, in words as a shell splits them: without quotes, comments and redirections.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut piped = vec![Vec::new()];
    let mut word: Option<String> = None;
    let (mut quote, mut redirected) = (None, false);
    // A space at the end ends the last word.
    for letter in line.chars().chain([' ']) {
        match letter {
            _ if quote == Some(letter) => quote = None,
            _ if quote.is_some() => word.get_or_insert_default().push(letter),
            '\'' | '"' => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            '#' if word.is_none() => break,
            ' ' | '|' | '<' | '>' => {
                if let (Some(word), Some(words), false) = (word.take(), piped.last_mut(), redirected) {
                    words.push(word);
                }
                redirected = matches!(letter, '<' | '>') || (redirected && letter != '|');
                if letter == '|' {
                    piped.push(Vec::new());
                }
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    piped.into_iter().filter_map(ours).collect()
}

/// A command of this program, whichever way it is started.
fn ours(words: Vec<String>) -> Option<Vec<String>> {
    // A variable may be set to a path that ends like the program.
    let name = words.first().filter(|first| !first.contains('='))?.rsplit('/').next()?;
    if name == "chancery" {
        return Some(words);
    }
    let built = words.starts_with(&["cargo".to_owned(), "run".to_owned()]);
    words.iter().position(|word| built && word == "--").map(|place| words[place..].to_vec())
}

fn examples(command: &clap::Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut found = indented(&help);
    found.extend(command.get_subcommands().flat_map(examples));
    found
}

fn understood(place: &str, words: &[String]) -> Result<(), ErrorKind> {
    match Cli::try_parse_from(words) {
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Ok(()),
        Err(error) if incomplete(error.kind()) => Err(error.kind()),
        Err(error) => panic!("{place}: {words:?}: {error}"),
        Ok(_) => Ok(()),
    }
}

const fn incomplete(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn lines_are_split_as_a_shell_does() {
    for (line, words) in [
        ("chancery a 'b c' \"d # e\"f # g", &["chancery", "a", "b c", "d # ef"][..]),
        ("chancery a ''", &["chancery", "a", ""]),
        ("jq x | chancery a - < b > c", &["chancery", "a", "-"]),
        ("chancery a > b | jq c", &["chancery", "a"]),
        ("cargo run --locked -- serve", &["--", "serve"]),
        ("/usr/bin/chancery a", &["/usr/bin/chancery", "a"]),
    ] {
        assert_eq!(commands(line), [words], "{line}");
    }
    assert!(commands("# chancery a").is_empty() && commands("nginx chancery").is_empty());
}

#[test]
fn every_example_of_the_help_is_understood() {
    let examples: Vec<_> = examples(&Cli::command()).iter().flat_map(|line| commands(line)).collect();
    assert!(examples.len() > 50, "{examples:?}");
    for words in examples {
        assert_eq!(understood("help", &words), Ok(()), "{words:?}");
    }
}

#[test]
fn every_command_of_the_documents_is_understood() {
    let mut found = Vec::new();
    for (name, document) in DOCUMENTS {
        for (_, block) in blocks(document) {
            let whole = block.replace("\\\n", " ").replace("ExecStart=", "");
            found.extend(whole.lines().flat_map(commands).map(|words| (name, words)));
        }
    }
    for (name, file) in EXAMPLE_FILES {
        let comments = file.replace("\n#", "\n");
        found.extend(indented(&comments).iter().flat_map(|line| commands(line)).map(|words| (name, words)));
    }
    let count = |name: &str| found.iter().filter(|(place, _)| *place == name).count();
    for (name, least) in [("README.md", 12), ("docs/MANAGING.md", 35), ("docs/OPERATING.md", 1)] {
        assert!(count(name) >= least, "{name}: {}", count(name));
    }
    assert_eq!(EXAMPLE_FILES.map(|(name, _)| count(name)), [1, 3]);
    for (name, words) in found {
        assert_eq!(understood(name, &words), Ok(()), "{name}: {words:?}");
    }
}

/// Sentences name commands without all that they need; what they do say has to be known.
#[test]
fn every_command_that_a_sentence_names_is_known() {
    let prose = DOCUMENTS.map(|(name, document)| (name, document.split("```").step_by(2).collect::<String>()));
    let comments = EXAMPLE_FILES.map(|(name, file)| (name, file.replace("\n#", "\n")));
    let mut count = 0;
    for (name, text) in prose.into_iter().chain(comments) {
        for words in spans(&text).iter().flat_map(|line| commands(line)) {
            count += 1;
            assert!(understood(name, &words).map_or_else(incomplete, |()| true), "{name}: {words:?}");
        }
    }
    assert!(count > 15, "{count}");
}

#[test]
fn every_file_of_the_documents_is_understood() {
    let mut count = 0;
    for (name, document) in DOCUMENTS {
        for (language, block) in blocks(document) {
            let written = block.split("cat >").filter_map(|rest| rest.split_once(".toml <<'END'\n"));
            let written = written.filter_map(|(_, file)| file.split_once("\nEND")).map(|(file, _)| file);
            for file in written.chain((language == "toml").then_some(block)) {
                let config: config::Config =
                    toml::from_str(file).unwrap_or_else(|error| panic!("{name}: {error}: {file}"));
                let declared = config.declared().check(Timestamp::from_seconds(1));
                declared.unwrap_or_else(|error| panic!("{name}: {error}: {file}"));
                count += 1;
            }
        }
    }
    assert!(count >= 3, "{count}");
}

#[test]
fn every_command_of_an_operator_has_examples() {
    let mut without = Vec::new();
    for room in command().get_subcommands() {
        let below =
            room.get_subcommands().map(|command| (format!("{} {}", room.get_name(), command.get_name()), command));
        let commands = std::iter::once((room.get_name().to_owned(), room)).chain(below);
        let bare = commands.filter(|(_, command)| command.get_after_help().is_none()).map(|(path, _)| path);
        without.extend(bare);
    }
    assert_eq!(without, ["config", "machines", "whoami"]);
}
