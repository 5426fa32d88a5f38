import java.io.*;
import java.nio.file.*;
import java.util.*;

/** Prints, for each file named on stdin, what java.util.Properties reads from it: key and value as UTF-16 in hex. */
public class Load {
    static String hex(String text) {
        StringBuilder out = new StringBuilder();
        for (char unit : text.toCharArray()) out.append(String.format("%04x", (int) unit));
        return out.toString();
    }

    public static void main(String[] args) throws IOException {
        BufferedReader names = new BufferedReader(new InputStreamReader(System.in));
        PrintStream out = new PrintStream(new BufferedOutputStream(System.out), false);
        for (String name; (name = names.readLine()) != null; ) {
            Properties properties = new Properties();
            try (InputStream in = Files.newInputStream(Path.of(name))) {
                properties.load(in);
                for (String key : new TreeSet<>(properties.stringPropertyNames()))
                    out.println(hex(key) + "=" + hex(properties.getProperty(key)));
            } catch (IllegalArgumentException e) {
                out.println("refused");
            }
            out.println("--");
        }
        out.flush();
    }
}
