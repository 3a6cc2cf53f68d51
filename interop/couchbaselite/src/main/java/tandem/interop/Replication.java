package tandem.interop;

import com.couchbase.lite.BasicAuthenticator;
import com.couchbase.lite.Conflict;
import com.couchbase.lite.ConflictResolver;
import com.couchbase.lite.CouchbaseLiteException;
import com.couchbase.lite.Database;
import com.couchbase.lite.Document;
import com.couchbase.lite.DocumentFlag;
import com.couchbase.lite.MutableDocument;
import com.couchbase.lite.ReplicatedDocument;
import com.couchbase.lite.Replicator;
import com.couchbase.lite.ReplicatorActivityLevel;
import com.couchbase.lite.ReplicatorConfiguration;
import com.couchbase.lite.ReplicatorStatus;
import com.couchbase.lite.ReplicatorType;
import com.couchbase.lite.URLEndpoint;
import java.net.URI;
import java.util.Base64;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** One replicator, and all that it has told. */
final class Replication {
  private static final long PATIENCE_SECONDS = 240;

  private final Replicator replicator;
  private final CountDownLatch stopped = new CountDownLatch(1);
  private final JSONArray documents = new JSONArray();
  private final JSONArray conflicts = new JSONArray();
  private ReplicatorStatus last;

  Replication(Database db, JSONObject c) throws Exception {
    replicator = new Replicator(configuration(db, c));
    replicator.addChangeListener(Runnable::run, change -> {
      synchronized (this) {
        last = change.getStatus();
      }
      if (change.getStatus().getActivityLevel() == ReplicatorActivityLevel.STOPPED) {
        stopped.countDown();
      }
    });
    replicator.addDocumentReplicationListener(Runnable::run, event -> {
      for (ReplicatedDocument doc : event.getDocuments()) {
        note(event.isPush(), doc);
      }
    });
    replicator.start(c.optBoolean("reset"));
  }

  private ReplicatorConfiguration configuration(Database db, JSONObject c) throws Exception {
    ReplicatorConfiguration config = new ReplicatorConfiguration(db, new URLEndpoint(new URI(c.getString("url"))));
    config.setType(ReplicatorType.valueOf(c.optString("type", "push_and_pull").toUpperCase(Locale.ROOT)));
    config.setContinuous(c.optBoolean("continuous"));
    config.setMaxAttempts(c.optInt("attempts", 1));
    config.setMaxAttemptWaitTime(c.optInt("wait", 2));
    if (c.has("user")) {
      config.setAuthenticator(new BasicAuthenticator(c.getString("user"), c.getString("password").toCharArray()));
    }
    if (c.has("certificate")) {
      config.setPinnedServerCertificate(Base64.getDecoder().decode(c.getString("certificate")));
    }
    if (c.has("ids")) {
      config.setDocumentIDs(Documents.strings(c.getJSONArray("ids")));
    }
    if (c.has("pushOnly")) { // documents whose "kind" is this
      String kind = c.getString("pushOnly");
      config.setPushFilter((doc, flags) -> flags.contains(DocumentFlag.DELETED) || kind.equals(doc.getString("kind")));
    }
    if (c.has("pullOnly")) {
      String kind = c.getString("pullOnly");
      config.setPullFilter((doc, flags) -> flags.contains(DocumentFlag.DELETED) || kind.equals(doc.getString("kind")));
    }
    String resolver = c.optString("resolver", "default");
    config.setConflictResolver(conflict -> {
      synchronized (this) {
        conflicts.put(conflict.getDocumentId());
      }
      return resolve(resolver, conflict);
    });
    return config;
  }

  private static Document resolve(String which, Conflict conflict) {
    Document local = conflict.getLocalDocument();
    Document remote = conflict.getRemoteDocument();
    switch (which) {
      case "default":
        return ConflictResolver.DEFAULT.resolve(conflict);
      case "local":
        return local;
      case "remote":
        return remote;
      case "merge":
        if (local == null || remote == null) {
          return null;
        }
        MutableDocument merged = local.toMutable();
        for (String key : remote) {
          if (!merged.contains(key)) {
            merged.setValue(key, remote.getValue(key));
          }
        }
        return merged;
      default:
        throw new IllegalArgumentException("unknown resolver " + which);
    }
  }

  private synchronized void note(boolean push, ReplicatedDocument doc) {
    try {
      JSONObject one = new JSONObject().put("push", push).put("id", doc.getID());
      CouchbaseLiteException error = doc.getError();
      if (error != null) {
        one.put("error", Errors.describe(error));
      }
      documents.put(one);
    } catch (JSONException e) {
      throw new IllegalStateException(e);
    }
  }

  JSONObject untilStopped() throws Exception {
    boolean ended = stopped.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
    return status().put("ended", ended);
  }

  JSONObject stop() throws Exception {
    replicator.stop();
    return untilStopped();
  }

  synchronized JSONObject status() throws Exception {
    ReplicatorStatus now = last == null ? replicator.getStatus() : last;
    JSONObject status = new JSONObject()
        .put("activity", now.getActivityLevel().toString().toLowerCase(Locale.ROOT))
        .put("conflicts", new JSONArray(conflicts.toString()))
        .put("documents", new JSONArray(documents.toString()));
    if (now.getError() != null) {
      status.put("error", Errors.describe(now.getError()));
    }
    return status;
  }
}
