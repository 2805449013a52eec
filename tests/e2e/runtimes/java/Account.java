import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Prints what a client got; what both programs ask, and of whom. */
final class Account {
    static final String API = "https://api.openai.com";
    static final String PLAIN = "http://api.openai.com";
    static final String KEY = System.getenv("OPENAI_API_KEY");
    static final String CHAT =
        "{\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"Tell me about naïve ☃ beans\"}]}";
    static final String STREAMED_CHAT = CHAT.substring(0, CHAT.length() - 1) + ", \"stream\": true}";

    interface Step {
        void run() throws Exception;
    }

    /** Takes the steps in order; with the argument "half" only the first half of them. */
    static void take(String[] arguments, Step... steps) throws Exception {
        boolean half = arguments.length > 0 && arguments[0].equals("half");
        int count = half ? (steps.length + 1) / 2 : steps.length;
        for (int index = 0; index < count; index++) {
            steps[index].run();
        }
    }

    /** Cookies are secrets that no recording holds. */
    static void showHeaders(Map<String, List<String>> headers) {
        Map<String, List<String>> sorted = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        headers.forEach((name, values) -> sorted.put(name == null ? "" : name, values));
        sorted.forEach((name, values) ->
            System.out.println("  " + name + ": " + (name.equalsIgnoreCase("set-cookie") ? "(secret)" : values)));
    }

    static void showBody(byte[] body) throws Exception {
        if (body.length > 4000) {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(body);
            System.out.println("  body: " + body.length + " bytes, sha256 " + HexFormat.of().formatHex(digest));
        } else {
            System.out.println("  body: " + new String(body, StandardCharsets.ISO_8859_1));
        }
    }
}
