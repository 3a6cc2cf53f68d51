package tandem.interop;

import com.couchbase.lite.CouchbaseLiteException;
import org.json.JSONException;
import org.json.JSONObject;

/** Errors as JSON. */
final class Errors {
  private Errors() {}

  static JSONObject describe(CouchbaseLiteException e) throws JSONException {
    return new JSONObject().put("domain", e.getDomain()).put("code", e.getCode()).put("message", String.valueOf(e.getMessage()));
  }
}
