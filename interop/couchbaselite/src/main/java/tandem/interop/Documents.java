package tandem.interop;

import com.couchbase.lite.Blob;
import com.couchbase.lite.CouchbaseLiteException;
import com.couchbase.lite.Database;
import com.couchbase.lite.Document;
import com.couchbase.lite.Meta;
import com.couchbase.lite.MutableDocument;
import com.couchbase.lite.QueryBuilder;
import com.couchbase.lite.Result;
import com.couchbase.lite.DataSource;
import com.couchbase.lite.SelectResult;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** The commands that read and write documents. */
final class Documents {
  private Documents() {}

  static Object run(Database db, String op, JSONObject c) throws CouchbaseLiteException, JSONException {
    switch (op) {
      case "put":
        return put(db, c.getString("id"), c.getString("json"));
      case "load":
        load(db, c.getString("prefix"), c.getInt("count"), c.getString("json"));
        return null;
      case "get":
        Document doc = db.getDocument(c.getString("id"));
        return doc == null ? null : doc.toJSON();
      case "revision":
        return db.getDocument(c.getString("id")).getRevisionID();
      case "delete":
        db.delete(db.getDocument(c.getString("id")));
        return null;
      case "purge":
        db.purge(c.getString("id"));
        return null;
      case "blob put":
        MutableDocument with = db.getDocument(c.getString("id")).toMutable();
        with.setBlob(c.getString("property"), new Blob(c.getString("type"), Base64.getDecoder().decode(c.getString("content"))));
        db.save(with);
        return null;
      case "blob get":
        return content(db.getDocument(c.getString("id")).getBlob(c.getString("property")));
      case "dump":
        return dump(db);
      case "count":
        return db.getCount();
      default:
        throw new IllegalArgumentException("unknown command " + op);
    }
  }

  private static Object put(Database db, String id, String json) throws CouchbaseLiteException {
    Document old = db.getDocument(id);
    MutableDocument doc = old == null ? new MutableDocument(id) : old.toMutable();
    doc.setJSON(json);
    db.save(doc);
    return doc.getRevisionID();
  }

  private static void load(Database db, String prefix, int count, String json) throws CouchbaseLiteException, JSONException {
    JSONObject body = new JSONObject(json);
    List<MutableDocument> docs = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      docs.add(new MutableDocument(prefix + i, body.put("number", i).toString()));
    }
    db.inBatch(() -> {
      for (MutableDocument doc : docs) {
        db.save(doc);
      }
    });
  }

  private static String content(Blob blob) {
    byte[] bytes = blob == null ? null : blob.getContent();
    return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
  }

  private static JSONObject dump(Database db) throws CouchbaseLiteException, JSONException {
    List<String> ids = new ArrayList<>();
    for (Result row : QueryBuilder.select(SelectResult.expression(Meta.id)).from(DataSource.database(db)).execute()) {
      ids.add(row.getString(0));
    }
    JSONObject all = new JSONObject();
    for (String id : ids) {
      Document doc = db.getDocument(id);
      if (doc != null) { // deleted since the query
        all.put(id, doc.toJSON());
      }
    }
    return all;
  }

  static List<String> strings(JSONArray array) throws JSONException {
    List<String> list = new ArrayList<>();
    for (int i = 0; i < array.length(); i++) {
      list.add(array.getString(i));
    }
    return list;
  }
}
