package page

import (
	"net/http"
	"time"
)

// networkView is what the view of the network shows.
type networkView struct {
	Listener *listenerCard
	Looked   bool // for peers
	Peers    []peerRow
	Problem  *Problem
}

// listenerCard is where peers reach this server.
type listenerCard struct {
	URLs        []string `json:"urls"`
	Fingerprint string   `json:"fingerprint"`
	Advertised  string   `json:"advertised"`
	Clients     int      `json:"clients"`
}

type peerRow struct {
	Name        string   `json:"name"`
	Database    string   `json:"database"`
	URLs        []string `json:"urls"`
	Fingerprint string   `json:"fingerprint"`
	Insecure    bool     `json:"insecure"`
}

// URL is where to reach the peer.
func (p peerRow) URL() string {
	if len(p.URLs) == 0 {
		return ""
	}
	return p.URLs[0]
}

// listener returns where peers reach this server, nil where they do not.
func (l *look) listener() *listenerCard {
	card := new(listenerCard)
	if l.get(card, "/_listener") != nil { // there is none
		return nil
	}
	return card
}

func showNetwork(l *look) (any, error) {
	if !l.Admin {
		return nil, &Problem{Status: http.StatusForbidden, Reason: "this view needs the role admin"}
	}
	v := &networkView{Listener: l.listener(), Looked: l.form.Has("look")}
	if v.Looked {
		if err := l.get(&v.Peers, "/_peers"); err != nil {
			v.Problem = problemOf(err)
		}
	}
	return v, nil
}

// identityRow is the public part of an identity.
type identityRow struct {
	Label        string    `json:"label"`
	Fingerprint  string    `json:"fingerprint"`
	Expires      time.Time `json:"expires"`
	Warning      string    `json:"warning"`
	Certificates string    `json:"certificates"`
}

// Days are left until the identity expires.
func (i identityRow) Days() int { return int(time.Until(i.Expires).Hours() / 24) }

func showIdentities(l *look) (any, error) {
	var all []identityRow
	if err := l.get(&all, "/_identities"); err != nil && !isStatus(err, http.StatusNotImplemented) {
		return nil, err
	}
	return all, nil
}
