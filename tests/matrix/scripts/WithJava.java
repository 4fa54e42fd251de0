import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** An HttpClient as it is: its proxy and the certificates that it believes are the JVM's. */
class WithJava {
    static final String PHOEBE =
        "{\"first_name\":\"Phoebe\",\"last_name\":\"Buffay\",\"email\":\"phoebe@example.com\","
            + "\"invited_by_email\":\"mike@example.com\"}";

    public static void main(String[] arguments) throws InterruptedException {
        var request = HttpRequest.newBuilder(URI.create("https://api.periscopedata.com/api/v1/users"))
            .header("Http-X-Partner-Auth", "example_site:e179017a-62b0-4996-8a38-e91aa9f1");
        if (arguments[0].equals("create")) {
            request.header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(PHOEBE));
        }
        try {
            var response = HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString());
            System.out.print(response.statusCode() + " " + response.body());
        } catch (IOException error) {
            System.err.println("no answer: " + error);
            System.exit(1);
        }
    }
}
