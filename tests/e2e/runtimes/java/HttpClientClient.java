import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

/** java.net.http.HttpClient, which offers HTTP/2 by ALPN and, over plain HTTP, by Upgrade. */
final class HttpClientClient {
    private static final HttpClient CLIENT = HttpClient.newBuilder()
        .connectTimeout(Duration.ofSeconds(20)).followRedirects(HttpClient.Redirect.NORMAL).build();

    private static HttpRequest.Builder request(String url) {
        return HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(20));
    }

    private static HttpRequest chat(String body) {
        return request(Account.API + "/v1/chat/completions").header("Authorization", "Bearer " + Account.KEY)
            .header("Content-Type", "application/json").POST(BodyPublishers.ofString(body)).build();
    }

    private static void show(String label, HttpResponse<byte[]> response) throws Exception {
        showHead(label, response);
        Account.showBody(response.body());
    }

    private static void showHead(String label, HttpResponse<?> response) {
        System.out.println(label + ": " + response.version() + " " + response.statusCode());
        Account.showHeaders(response.headers().map());
    }

    private static void ask(String label, HttpRequest request) throws Exception {
        show(label, CLIENT.send(request, BodyHandlers.ofByteArray()));
    }

    private static void get(String label, String url) throws Exception {
        ask(label, request(url).build());
    }

    private static void stream() throws Exception {
        HttpResponse<Stream<String>> response = CLIENT.send(chat(Account.STREAMED_CHAT), BodyHandlers.ofLines());
        showHead("stream", response);
        response.body().forEach(line -> System.out.println("  line: " + line));
    }

    private static void asynchronous() throws Exception {
        CompletableFuture<HttpResponse<byte[]>> answer =
            CLIENT.sendAsync(request(Account.API + "/big?bytes=2000000").build(), BodyHandlers.ofByteArray());
        show("asynchronous", answer.get());
    }

    public static void main(String[] arguments) throws Exception {
        Account.take(arguments,
            () -> get("echo", Account.API + "/echo?http_client"),
            () -> ask("chat", chat(Account.CHAT)),
            () -> get("redirected", Account.API + "/redirect?n=2"),
            () -> get("plain", Account.PLAIN + "/echo?http_client"),
            HttpClientClient::stream,
            () -> ask("upload", request(Account.API + "/upload").PUT(BodyPublishers.ofByteArray(new byte[300000])).build()),
            HttpClientClient::asynchronous,
            () -> get("missing", Account.API + "/status/403"));
    }
}
