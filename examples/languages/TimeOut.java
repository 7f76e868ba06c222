// A connect time-out, in Java: netlab exec -- java TimeOut.java
import java.net.*;

class TimeOut {
    public static void main(String[] arguments) throws Exception {
        String[] at = System.getenv("NETLAB_BLACKHOLE").split(":");
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(at[0], Integer.parseInt(at[1])), 300);
        } catch (SocketTimeoutException expected) {
            System.out.println("timed out");
        }
    }
}
