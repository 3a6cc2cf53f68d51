package tandem.interop;

import com.couchbase.lite.CouchbaseLite;
import com.couchbase.lite.CouchbaseLiteException;
import com.couchbase.lite.Database;
import com.couchbase.lite.DatabaseConfiguration;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.json.JSONObject;

/**
 * Drives Couchbase Lite for a test: reads one JSON command a line from standard input, and answers
 * each with one line on standard output, {"ok": …} or {"error": {"domain", "code", "message"}}.
 * It ends with its input.
 */
public final class Driver {
  private final Map<String, Database> databases = new HashMap<>();
  private final Map<String, Replication> replications = new HashMap<>();
  private final File folder;

  private Driver(File folder) {
    this.folder = folder;
  }

  public static void main(String[] args) throws Exception {
    PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    System.setOut(System.err); // whatever the library prints is not an answer
    File folder = new File(args[0]);
    CouchbaseLite.init(args.length > 1 && args[1].equals("--debug"), new File(folder, "root"), new File(folder, "scratch"));
    Driver driver = new Driver(folder);
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      answers.println(driver.answer(new JSONObject(line)));
    }
    System.exit(0); // the library keeps threads that are not daemons
  }

  private JSONObject answer(JSONObject command) throws Exception {
    try {
      Object result = run(command);
      return new JSONObject().put("ok", result == null ? JSONObject.NULL : result);
    } catch (CouchbaseLiteException e) {
      return new JSONObject().put("error", Errors.describe(e));
    } catch (Exception e) {
      JSONObject error = new JSONObject().put("domain", "driver").put("code", 0).put("message", e.toString());
      return new JSONObject().put("error", error);
    }
  }

  private Object run(JSONObject c) throws Exception {
    String op = c.getString("op");
    String name = c.optString("db");
    switch (op) {
      case "open":
        DatabaseConfiguration config = new DatabaseConfiguration();
        config.setDirectory(new File(folder, "databases").getPath());
        databases.put(name, new Database(name, config));
        return null;
      case "close":
        databases.remove(name).close();
        return null;
      case "replicate":
        Replication replication = new Replication(databases.get(name), c);
        if (c.optBoolean("continuous")) {
          replications.put(c.getString("as"), replication);
          return null;
        }
        return replication.untilStopped();
      case "status":
        return replications.get(c.getString("as")).status();
      case "stop":
        return replications.remove(c.getString("as")).stop();
      default:
        return Documents.run(databases.get(name), op, c);
    }
  }
}
