package page

import "net/url"

// syncState is why a document is in sync with each peer, or not.
type syncState struct {
	KS, ID string
	Peers  []explanation
}

type explanation struct {
	Peer     string `json:"peer"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	Revision string `json:"revision"`
	Remote   string `json:"remoteRevision"`
}

func showSync(l *look) (any, error) {
	s := syncState{KS: l.vars["ks"], ID: l.vars["id"]}
	err := l.send(&s.Peers, Request{Path: "/" + s.KS + "/_explain/" + url.PathEscape(s.ID)})
	return s, err
}
