package revision

import (
	"slices"
	"strings"
)

// VectorHistory returns the history property of a rev message that carries the version r; "" means
// that the message has none. Which tree IDs to send depends on the peer. A Couchbase Lite that
// keeps a tree ID of the document accepts a version as newer only if the sent tree IDs begin with
// that ID. If it keeps none, it accepts the version only without tree IDs. A Sync Gateway keeps its
// old body if it receives a tree ID that it lacks.
//
// current is the tree revision that the peer has, "" if it has a version or nothing. If current is
// an ancestor of r, the ancestors from there on are sent, at most maxHistory−1. Otherwise shown, a
// tree ID that the peer has named, is sent alone if it is an ancestor of r.
func (r Rev) VectorHistory(current, shown ID, maxHistory int) string {
	var tail []ID
	if i := r.ancestor(current); i >= 0 {
		tail = firstOf(r.History.Ancestors[i:], max(maxHistory-1, 0))
	} else if i := r.ancestor(shown); i >= 0 {
		tail = r.History.Ancestors[i : i+1]
	}
	var b strings.Builder
	r.History.write(&b, tail)
	return b.String()
}

// ancestor returns the index of id among the ancestors of r, or −1.
func (r Rev) ancestor(id ID) int {
	if id == "" {
		return -1
	}
	return slices.IndexFunc(r.History.Ancestors, id.Is)
}

// ShownTree returns the tree ID that a peer reveals by sending r: r's own, or the first of its
// ancestors; "" if r has none.
func (r Rev) ShownTree() ID {
	switch {
	case r.ID.IsTree():
		return r.ID
	case len(r.History.Ancestors) > 0:
		return r.History.Ancestors[0]
	}
	return ""
}
