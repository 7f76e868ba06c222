// SPDX-License-Identifier: GPL-2.0-or-later
// Asks a line server, and waits five seconds at most, from the first to the last: java Ask SERVER PORT
import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;

public class Ask {
    static final long END = System.nanoTime() + 5_000_000_000L;

    static int left() throws SocketTimeoutException {
        long milliseconds = (END - System.nanoTime()) / 1_000_000;
        if (milliseconds <= 0) {
            throw new SocketTimeoutException("not done within 5 s");
        }
        return (int) milliseconds;
    }

    static String ask(InetSocketAddress server) throws IOException {
        try (Socket socket = new Socket()) {
            socket.connect(server, Math.min(3000, left()));
            socket.getOutputStream().write("STATUS\n".getBytes(StandardCharsets.US_ASCII));
            var reply = new ByteArrayOutputStream();
            for (int next = 0; next != '\n'; reply.write(next)) {
                socket.setSoTimeout(left());
                next = socket.getInputStream().read();
                if (next < 0) {
                    throw new EOFException("closed after " + reply.size() + " bytes");
                }
            }
            return reply.toString(StandardCharsets.UTF_8);
        }
    }

    public static void main(String[] words) {
        try {
            System.out.print(ask(new InetSocketAddress(words[0], Integer.parseInt(words[1]))));
        } catch (IOException error) {
            System.err.println("no reply: " + error);
            System.exit(1);
        }
    }
}
