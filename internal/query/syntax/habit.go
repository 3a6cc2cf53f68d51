package syntax

import "strings"

// habit returns advice for what other dialects of SQL have at a token, or "".
func habit(t token, expected string) string {
	if t.kind != word && t.kind != mark || strings.HasPrefix(expected, "a name") {
		return ""
	}
	switch strings.ToUpper(t.text) {
	case "SELECT", "WITH":
		return "a query has one SELECT: write a JOIN or ANY, or run a second query"
	case "INSERT", "UPDATE", "UPSERT", "DELETE", "MERGE", "CREATE", "DROP":
		if expected == "SELECT" {
			return "queries only read: write documents with Collection.Put and Delete, or tandem put and rm"
		}
	case "RIGHT":
		return "exchange the two sources, and write LEFT JOIN"
	case "MATCH":
		return "write MATCH(index, text), with the name of a full-text index"
	case ",":
		if expected == aClause {
			return "write JOIN source ON condition for a second source, and LIMIT n OFFSET m"
		}
	}
	return ""
}
