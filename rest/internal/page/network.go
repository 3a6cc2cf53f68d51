package page

import (
	"net/http"
	"net/url"
	"time"
)

// networkView is what the view of the network shows.
type networkView struct {
	Listener *listenerCard
	Looked   bool // for peers
	Peers    []peerRow
	Known    []knownServers
	Problem  *Problem
}

// knownServers are the peers of a database whose certificates were trusted on first use.
type knownServers struct {
	Database string
	Servers  []knownServer
}

type knownServer struct {
	Address     string    `json:"address"`
	Fingerprint string    `json:"fingerprint"`
	Since       time.Time `json:"since"`
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
	return v, v.addKnown(l)
}

// addKnown adds the databases that have trusted peers on first use.
func (v *networkView) addKnown(l *look) error {
	var names []string
	if err := l.get(&names, "/_all_dbs"); err != nil {
		return err
	}
	for _, name := range names {
		known := knownServers{Database: name}
		if err := l.get(&known.Servers, "/%s/_known_servers", name); err != nil {
			return err
		}
		if len(known.Servers) > 0 {
			v.Known = append(v.Known, known)
		}
	}
	return nil
}

// forgetServer forgets the certificate of a peer.
func forgetServer(l *look) (string, error) {
	path := "/" + segment(l.form.Get("db")) + "/_known_servers/" + url.PathEscape(l.form.Get("address"))
	err := l.send(nil, Request{Method: http.MethodDelete, Path: path})
	if isStatus(err, http.StatusNotFound) { // it was forgotten before
		err = nil
	}
	return "/_tandem/network", err
}
