// SPDX-License-Identifier: GPL-2.0-or-later
// One request by java.net.http, of Java itself (Debian: default-jdk-headless): HTTP.
//
// By default it waits for ever. `--recommended`: connectTimeout of the client and timeout of the
// request, which ends when the head is there:
// https://docs.oracle.com/en/java/javase/17/docs/api/java.net.http/java/net/http/HttpClient.html
import java.net.URI;
import java.net.http.*;
import java.time.Duration;

public class JavaNetHttp {
    public static void main(String[] words) throws Exception {
        var client = HttpClient.newBuilder();
        var host = System.getenv("NETLAB_SERVER");
        var port = System.getenv("NETLAB_PORT");
        var request = HttpRequest.newBuilder(URI.create("http://" + host + ":" + port + "/"));
        if (words.length > 0 && words[0].equals("--recommended")) {
            client.connectTimeout(Duration.ofSeconds(5));
            request.timeout(Duration.ofSeconds(10));
        }
        var reply = client.build().send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
        System.out.println(reply.statusCode() + " " + reply.body().length + " bytes");
    }
}
