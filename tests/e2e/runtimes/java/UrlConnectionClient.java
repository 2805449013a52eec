import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** java.net.HttpURLConnection: keep-alive, a stream line by line, uploads with and without a length. */
final class UrlConnectionClient {
    private static HttpURLConnection open(String method, String url) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setRequestMethod(method);
        connection.setConnectTimeout(20000);
        connection.setReadTimeout(20000);
        return connection;
    }

    private static void showHead(String label, HttpURLConnection connection) throws Exception {
        System.out.println(label + ": " + connection.getResponseCode() + " " + connection.getResponseMessage());
        Account.showHeaders(connection.getHeaderFields());
    }

    private static void show(String label, HttpURLConnection connection) throws Exception {
        showHead(label, connection);
        InputStream body = connection.getResponseCode() < 400 ? connection.getInputStream() : connection.getErrorStream();
        Account.showBody(body.readAllBytes());
        body.close();
    }

    private static HttpURLConnection chat(String body) throws Exception {
        HttpURLConnection connection = open("POST", Account.API + "/v1/chat/completions");
        connection.setRequestProperty("Authorization", "Bearer " + Account.KEY);
        connection.setRequestProperty("Content-Type", "application/json");
        connection.setDoOutput(true);
        connection.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
        return connection;
    }

    private static void stream() throws Exception {
        HttpURLConnection connection = chat(Account.STREAMED_CHAT);
        showHead("stream", connection);
        try (BufferedReader lines = new BufferedReader(
                new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                System.out.println("  line: " + line);
            }
        }
    }

    private static void upload() throws Exception {
        HttpURLConnection connection = open("PUT", Account.API + "/upload");
        connection.setDoOutput(true);
        connection.setChunkedStreamingMode(8192);
        byte[] data = new byte[300000];
        Arrays.fill(data, (byte) 'j');
        connection.getOutputStream().write(data);
        connection.getOutputStream().close();
        show("upload", connection);
    }

    public static void main(String[] arguments) throws Exception {
        Account.take(arguments,
            () -> show("echo", open("GET", Account.API + "/echo?url_connection")),
            () -> show("chat", chat(Account.CHAT)),
            () -> show("chunked", open("GET", Account.API + "/chunked?n=4")),
            () -> show("plain", open("GET", Account.PLAIN + "/echo?url_connection")),
            UrlConnectionClient::stream,
            UrlConnectionClient::upload,
            () -> show("big", open("GET", Account.API + "/big?bytes=2000000")),
            () -> show("missing", open("GET", Account.API + "/status/404")));
    }
}
