// SPDX-License-Identifier: GPL-2.0-or-later
// Polls a web service four times: java Poller SERVER PORT
import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;

public class Poller {
    static String poll(String server, int port, int turn) throws IOException {
        Socket socket = new Socket();
        socket.connect(new InetSocketAddress(server, port), 900);
        socket.setSoTimeout(900);
        String request = "GET /?turn=" + turn + " HTTP/1.0\r\nHost: " + server + "\r\nConnection: close\r\n\r\n";
        socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
        String reply = new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (!reply.startsWith("HTTP/1.")) {
            throw new EOFException("no reply");
        }
        socket.close();
        return reply.substring(0, reply.indexOf('\r'));
    }

    public static void main(String[] words) throws InterruptedException {
        int failed = 0;
        for (int turn = 0; turn < 4; turn++) {
            try {
                System.out.println(poll(words[0], Integer.parseInt(words[1]), turn));
            } catch (IOException error) {
                System.err.println(error);
                failed++;
            }
            Thread.sleep(200);
        }
        System.exit(failed > 0 ? 1 : 0);
    }
}
