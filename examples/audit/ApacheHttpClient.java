// SPDX-License-Identifier: GPL-2.0-or-later
// One request by Apache HttpClient 5 (Debian: libhttpclient5-java libslf4j-java): HTTP.
//
// By default connecting may take 3 minutes, and each wait for a reply as long. `--recommended`:
// ConnectionConfig and RequestConfig, as in https://hc.apache.org/httpcomponents-client-5.x/examples.html
// (ClientConfiguration.java)
import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.client5.http.config.*;
import org.apache.hc.client5.http.impl.classic.*;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.core5.http.io.entity.EntityUtils;
import org.apache.hc.core5.util.Timeout;

public class ApacheHttpClient {
    static CloseableHttpClient client(boolean recommended) {
        if (!recommended) {
            return HttpClients.createDefault();
        }
        var connection = ConnectionConfig.custom()
            .setConnectTimeout(Timeout.ofSeconds(5)).setSocketTimeout(Timeout.ofSeconds(10)).build();
        var pool = PoolingHttpClientConnectionManagerBuilder.create()
            .setDefaultConnectionConfig(connection).build();
        var request = RequestConfig.custom().setResponseTimeout(Timeout.ofSeconds(10)).build();
        return HttpClients.custom().setConnectionManager(pool).setDefaultRequestConfig(request).build();
    }

    public static void main(String[] words) throws Exception {
        var host = System.getenv("NETLAB_SERVER");
        var url = "http://" + host + ":" + System.getenv("NETLAB_PORT") + "/";
        try (var client = client(words.length > 0 && words[0].equals("--recommended"))) {
            client.execute(new HttpGet(url), reply -> {
                var body = EntityUtils.toByteArray(reply.getEntity());
                System.out.println(reply.getCode() + " " + body.length + " bytes");
                return null;
            });
        }
    }
}
