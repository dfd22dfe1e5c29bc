// What the tests have acme4j do. The first argument is the scenario; the surroundings come in variables. Whatever is not as
// it should be ends the program with an error.

import java.io.FileInputStream;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.Writer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.shredzone.acme4j.Account;
import org.shredzone.acme4j.AccountBuilder;
import org.shredzone.acme4j.Authorization;
import org.shredzone.acme4j.Certificate;
import org.shredzone.acme4j.Identifier;
import org.shredzone.acme4j.Login;
import org.shredzone.acme4j.Order;
import org.shredzone.acme4j.OrderBuilder;
import org.shredzone.acme4j.PollableResource;
import org.shredzone.acme4j.RevocationReason;
import org.shredzone.acme4j.Session;
import org.shredzone.acme4j.Status;
import org.shredzone.acme4j.challenge.Challenge;
import org.shredzone.acme4j.challenge.Dns01Challenge;
import org.shredzone.acme4j.challenge.DnsAccount01Challenge;
import org.shredzone.acme4j.challenge.Http01Challenge;
import org.shredzone.acme4j.challenge.TlsAlpn01Challenge;
import org.shredzone.acme4j.exception.AcmeException;
import org.shredzone.acme4j.exception.AcmeUserActionRequiredException;
import org.shredzone.acme4j.util.KeyPairUtils;

public class DriveAcme4j {
    static final Duration PATIENCE = Duration.ofSeconds(90);
    static final Path FOLDER = Path.of(variable("FOLDER"));

    interface Doing {
        void run() throws Exception;
    }

    interface Means {
        Challenge prepare(Authorization authorization) throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        // acme4j asks for it by its name.
        Security.addProvider(new BouncyCastleProvider());
        trust(Path.of(variable("ROOT")));
        switch (arguments[0]) {
            case "account" -> account();
            case "labelled" -> labelled();
            case "tls" -> tls();
            case "below" -> below();
            case "rolling" -> rolling();
            case "informed" -> informed();
            case "terms" -> terms();
            default -> throw new IllegalArgumentException(arguments[0]);
        }
        // Whoever answers challenges is not waited for.
        System.exit(0);
    }

    static String variable(String name) {
        String value = System.getenv(name);
        check(value != null, name + " is not set");
        return value;
    }

    static void check(boolean sound, Object what) {
        if (!sound) {
            throw new AssertionError(what);
        }
    }

    static AcmeException refused(Doing doing) throws Exception {
        try {
            doing.run();
        } catch (AcmeException refusal) {
            return refusal;
        }
        throw new AssertionError("this should have been refused");
    }

    /** acme4j takes the roots of the Java machine. */
    static void trust(Path root) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream input = new FileInputStream(root.toFile())) {
            store.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(input));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        SSLContext.setDefault(context);
    }

    static Login register(KeyPair key) throws Exception {
        Session session = new Session(variable("DIRECTORY"));
        return new AccountBuilder().agreeToTermsOfService().addEmail("operator@acme4j.test").useKeyPair(key)
            .createLogin(session);
    }

    static Challenge byHttp(Authorization authorization) throws Exception {
        Http01Challenge challenge = authorization.findChallenge(Http01Challenge.class).orElseThrow();
        Files.writeString(Path.of(variable("CHALLENGES")).resolve(challenge.getToken()), challenge.getAuthorization());
        return challenge;
    }

    static Challenge byDns(Authorization authorization) throws Exception {
        Dns01Challenge challenge = authorization.findChallenge(Dns01Challenge.class).orElseThrow();
        setTxt(challenge.getRRName(authorization.getIdentifier()), challenge.getDigest());
        return challenge;
    }

    static Challenge byAccountLabel(Authorization authorization) throws Exception {
        DnsAccount01Challenge challenge = authorization.findChallenge(DnsAccount01Challenge.class).orElseThrow();
        setTxt(challenge.getRRName(authorization.getIdentifier()), challenge.getDigest());
        return challenge;
    }

    static Challenge byTls(Authorization authorization) throws Exception {
        TlsAlpn01Challenge challenge = authorization.findChallenge(TlsAlpn01Challenge.class).orElseThrow();
        KeyPair key = KeyPairUtils.createKeyPair(2048);
        X509Certificate certificate = challenge.createCertificate(key, authorization.getIdentifier());
        char[] password = new char[0];
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("challenge", key.getPrivate(), password, new X509Certificate[] {certificate});
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        SSLServerSocket listener =
            (SSLServerSocket) context.getServerSocketFactory().createServerSocket(Integer.parseInt(variable("TLS_PORT")));
        SSLParameters parameters = listener.getSSLParameters();
        parameters.setApplicationProtocols(new String[] {TlsAlpn01Challenge.ACME_TLS_1_PROTOCOL});
        listener.setSSLParameters(parameters);
        Thread answering = new Thread(() -> {
            while (true) {
                try (SSLSocket connection = (SSLSocket) listener.accept()) {
                    connection.startHandshake();
                } catch (Exception brokenOff) {
                    // Whoever asks sees to it that he gets an answer.
                }
            }
        });
        answering.setDaemon(true);
        answering.start();
        return challenge;
    }

    static void setTxt(String host, String value) throws Exception {
        String body = "{\"host\":\"" + host + "\",\"value\":\"" + value + "\"}";
        HttpRequest request = HttpRequest.newBuilder(URI.create(variable("DNS") + "/set-txt"))
            .POST(HttpRequest.BodyPublishers.ofString(body)).build();
        HttpResponse<String> response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        check(response.statusCode() == 200, response);
    }

    static void prove(Authorization authorization, Means means) throws Exception {
        if (authorization.getStatus() == Status.VALID) {
            return;
        }
        means.prepare(authorization).trigger();
        await(authorization, Status.VALID);
    }

    /**
     * acme4j has a method of its own for this, which reckons from the response's Date: it breaks where Retry-After is one
     * second and that has passed.
     */
    static void await(PollableResource resource, Status wanted) throws Exception {
        Instant deadline = Instant.now().plus(PATIENCE);
        while (resource.getStatus() != wanted) {
            check(Instant.now().isBefore(deadline), resource.getStatus());
            Thread.sleep(200);
            resource.fetch();
        }
    }

    static Order ordered(OrderBuilder builder, Means means, KeyPair key) throws Exception {
        Order order = builder.create();
        for (Authorization authorization : order.getAuthorizations()) {
            prove(authorization, means);
        }
        await(order, Status.READY);
        order.execute(key);
        await(order, Status.VALID);
        return order;
    }

    static Certificate obtain(OrderBuilder builder, Means means, KeyPair key, String file) throws Exception {
        Certificate certificate = ordered(builder, means, key).getCertificate();
        store(certificate, file);
        return certificate;
    }

    static void store(Certificate certificate, String file) throws Exception {
        try (Writer writer = Files.newBufferedWriter(FOLDER.resolve(file))) {
            certificate.writeCertificate(writer);
        }
    }

    static void account() throws Exception {
        Login login = register(KeyPairUtils.createKeyPair(2048));
        Account account = login.getAccount();
        KeyPair key = KeyPairUtils.createECKeyPair("secp384r1");
        List<String> names = List.of("acme4j.test", "www.acme4j.test");
        Certificate first = obtain(login.newOrder().domains(names), DriveAcme4j::byHttp, key, "first.pem");
        account.changeKey(KeyPairUtils.createECKeyPair("secp384r1"));
        account.modify().addContact("mailto:other@acme4j.test").commit();
        check(account.getContacts().size() == 2, account.getContacts());
        Certificate second = obtain(login.newOrder().domains(names), DriveAcme4j::byHttp, key, "second.pem");
        first.revoke(RevocationReason.SUPERSEDED);
        check(refused(() -> first.revoke(RevocationReason.SUPERSEDED)).getMessage().contains("revoked"), "said so");
        Certificate.revoke(login.getSession(), key, second.getCertificate(), RevocationReason.KEY_COMPROMISE);
        Order given = login.newOrder().domain("given-up.acme4j.test").create();
        Authorization up = given.getAuthorizations().get(0);
        up.deactivate();
        up.fetch();
        check(up.getStatus() == Status.DEACTIVATED, up.getJSON());
        check(account.getOrders().hasNext(), "its orders are listed");
        account.deactivate();
        refused(() -> login.newOrder().domains(names).create());
    }

    static void labelled() throws Exception {
        Login login = register(KeyPairUtils.createECKeyPair("secp256r1"));
        KeyPair key = KeyPairUtils.createECKeyPair("secp256r1");
        List<String> names = List.of("acme4j.test", "*.acme4j.test");
        obtain(login.newOrder().domains(names), DriveAcme4j::byAccountLabel, key, "labelled.pem");
        List<String> others = List.of("other.acme4j.test", "*.other.acme4j.test");
        obtain(login.newOrder().domains(others), DriveAcme4j::byDns, key, "wildcard.pem");
    }

    static void tls() throws Exception {
        Login login = register(KeyPairUtils.createECKeyPair("secp256r1"));
        KeyPair key = KeyPairUtils.createKeyPair(2048);
        obtain(login.newOrder().domain("acme4j.test"), DriveAcme4j::byTls, key, "tls.pem");
        OrderBuilder address = login.newOrder().identifier(Identifier.ip("127.0.0.1"));
        obtain(address, DriveAcme4j::byHttp, key, "address.pem");
    }

    static void below() throws Exception {
        Login login = register(KeyPairUtils.createECKeyPair("secp256r1"));
        check(login.getSession().getMetadata().isSubdomainAuthAllowed(), "the directory says so");
        KeyPair key = KeyPairUtils.createECKeyPair("secp256r1");
        // An order that names the ancestor, and nothing proven yet.
        Identifier named = Identifier.dns("a.b.named.acme4j.test").withAncestorDomain("named.acme4j.test");
        Order order = ordered(login.newOrder().identifier(named), DriveAcme4j::byDns, key);
        Authorization proven = order.getAuthorizations().get(0);
        check(proven.isSubdomainAuthAllowed(), proven.getJSON());
        check(proven.getIdentifier().getDomain().equals("named.acme4j.test"), proven.getJSON());
        store(order.getCertificate(), "named.pem");
        // A proof before the order, which is ready at once.
        Authorization before =
            login.getAccount().preAuthorize(Identifier.dns("before.acme4j.test").allowSubdomainAuth());
        prove(before, DriveAcme4j::byDns);
        Order ready = login.newOrder().domain("c.before.acme4j.test").create();
        check(ready.getStatus() == Status.READY, ready.getJSON());
        ready.execute(key);
        await(ready, Status.VALID);
        store(ready.getCertificate(), "before.pem");
    }

    static void rolling() throws Exception {
        Login login = register(KeyPairUtils.createECKeyPair("secp256r1"));
        check(login.getSession().getMetadata().isAutoRenewalEnabled(), "the directory says so");
        check(login.getSession().getMetadata().isAutoRenewalGetAllowed(), "the directory says so");
        // Without a start date it does not send the end date either, which is required.
        OrderBuilder builder = login.newOrder().domain("acme4j.test").autoRenewal().autoRenewalStart(Instant.now())
            .autoRenewalEnd(Instant.now().plus(Duration.ofHours(1))).autoRenewalLifetime(Duration.ofSeconds(20))
            .autoRenewalEnableGet();
        Order order = ordered(builder, DriveAcme4j::byHttp, KeyPairUtils.createECKeyPair("secp256r1"));
        check(order.isAutoRenewing() && order.isAutoRenewalCertificate(), order.getJSON());
        check(order.getAutoRenewalLifetime().equals(Duration.ofSeconds(20)), order.getJSON());
        check(order.isAutoRenewalGetEnabled(), order.getJSON());
        Certificate certificate = order.getCertificate();
        store(certificate, "rolling.pem");
        X509Certificate first = certificate.getCertificate();
        // The next one is at the same URL, and no order is placed for it.
        Instant deadline = Instant.now().plus(PATIENCE);
        X509Certificate next = first;
        while (next.getSerialNumber().equals(first.getSerialNumber())) {
            check(Instant.now().isBefore(deadline), "it is not renewed");
            Thread.sleep(500);
            next = login.bindCertificate(certificate.getLocation()).getCertificate();
        }
        check(next.getPublicKey().equals(first.getPublicKey()), "under the same key");
        order.cancelAutoRenewal();
        order.fetch();
        check(order.getStatus() == Status.CANCELED, order.getJSON());
        refused(order::cancelAutoRenewal);
    }

    static void informed() throws Exception {
        Login login = register(KeyPairUtils.createECKeyPair("secp256r1"));
        KeyPair key = KeyPairUtils.createECKeyPair("secp256r1");
        check(login.getSession().getMetadata().getProfiles().equals(Set.of("default", "short")), "both are offered");
        OrderBuilder builder = login.newOrder().domain("acme4j.test").profile("short");
        Certificate first = obtain(builder, DriveAcme4j::byHttp, key, "first.pem");
        check(first.hasRenewalInfo(), "there is a resource");
        check(first.getRenewalInfo().renewalIsNotRequired(Instant.now()), first.getRenewalInfo().getJSON());
        OrderBuilder renewal = login.newOrder().domain("acme4j.test").replaces(first);
        obtain(renewal, DriveAcme4j::byHttp, key, "second.pem");
        refused(() -> login.newOrder().domain("acme4j.test").replaces(first).create());
    }

    /** The terms have changed since the account in `account.pem` agreed. */
    static void terms() throws Exception {
        Path file = FOLDER.resolve("account.pem");
        if (!Files.exists(file)) {
            KeyPair key = KeyPairUtils.createECKeyPair("secp256r1");
            StringWriter pem = new StringWriter();
            KeyPairUtils.writeKeyPair(key, pem);
            register(key).newOrder().domain("acme4j.test").create();
            Files.writeString(file, pem.toString());
            return;
        }
        KeyPair key = KeyPairUtils.readKeyPair(new StringReader(Files.readString(file)));
        Login login = new AccountBuilder().onlyExisting().useKeyPair(key).createLogin(new Session(variable("DIRECTORY")));
        AcmeException refusal = refused(() -> login.newOrder().domain("acme4j.test").create());
        check(refusal instanceof AcmeUserActionRequiredException, refusal);
        AcmeUserActionRequiredException action = (AcmeUserActionRequiredException) refusal;
        URI terms = action.getTermsOfServiceUri().orElseThrow();
        check(terms.equals(URI.create("https://acme4j.test/terms/2")), terms);
        check(action.getInstance().toString().equals("https://acme4j.test/agree"), action.getInstance());
    }
}
