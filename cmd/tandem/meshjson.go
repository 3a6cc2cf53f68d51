package main

import (
	"sync"

	"github.com/tandemdb/tandem"
)

// meshEvents print one JSON object per line.
type meshEvents struct {
	a      *app
	member *tandem.MultipeerReplicator
	mu     sync.Mutex // held while printing
}

func (v *meshEvents) print(event any) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.a.jsonLines().Encode(event); err != nil {
		return err
	}
	return v.a.out.Flush()
}

func (v *meshEvents) begun() error {
	return v.print(struct {
		Event     string   `json:"event"`
		PeerID    string   `json:"peerID"`
		Addresses []string `json:"addresses"`
	}{"listening", v.member.PeerID().String(), v.member.Addresses()})
}

func (v *meshEvents) ended() error {
	v.status(v.member.Status())
	return nil
}

// meshCounts are the counts of an event.
type meshCounts struct {
	Pushed        uint64 `json:"pushed"` // documents
	Pulled        uint64 `json:"pulled"`
	Failed        uint64 `json:"failed"`
	Pending       uint64 `json:"pending"`
	BytesSent     uint64 `json:"bytesSent"`
	BytesReceived uint64 `json:"bytesReceived"`
}

func meshCountsOf(p tandem.ReplicatorProgress) meshCounts {
	return meshCounts{
		Pushed: p.Push.Documents, Pulled: p.Pull.Documents, Failed: p.Push.Failed + p.Pull.Failed,
		Pending:   p.Push.Total - min(p.Push.Total, p.Push.Completed) + p.Pull.Total - min(p.Pull.Total, p.Pull.Completed),
		BytesSent: p.BytesSent, BytesReceived: p.BytesReceived,
	}
}

func (v *meshEvents) peer(p tandem.PeerInfo) {
	neighbors := make([]string, len(p.Neighbors))
	for i, id := range p.Neighbors {
		neighbors[i] = id.String()
	}
	_ = v.print(struct { // an output that has gone ends the command
		Event      string   `json:"event"`
		PeerID     string   `json:"peerID"`
		Name       string   `json:"name"`
		Online     bool     `json:"online"`
		Neighbor   bool     `json:"neighbor"`
		Dialled    bool     `json:"dialled"`
		Discovered bool     `json:"discovered"`
		Activity   string   `json:"activity"`
		Addresses  []string `json:"addresses"`
		Neighbors  []string `json:"neighbors"`
		Unshared   []string `json:"unshared,omitempty"` // collections that one of the two has alone
		Trouble    string   `json:"trouble,omitempty"`
		meshCounts
	}{
		"peer", p.ID.String(), p.Name, p.Online, p.Neighbor, p.Dialled, p.Discovered, p.Status.Activity.String(),
		p.Addresses, neighbors, p.Unshared, p.Trouble, meshCountsOf(p.Status.Progress),
	})
}

func (v *meshEvents) status(s tandem.MultipeerStatus) {
	_ = v.print(struct { // an output that has gone ends the command
		Event     string `json:"event"`
		Activity  string `json:"activity"`
		Neighbors int    `json:"neighbors"`
		Online    int    `json:"online"`
		Wrong     uint64 `json:"wrongCodes,omitempty"`
		Warning   string `json:"warning,omitempty"` // of this member's certificate
		Error     string `json:"error,omitempty"`
		meshCounts
	}{"status", s.Activity.String(), s.Neighbors, s.Online, s.WrongProofs, s.Warning, errorText(s.Err), meshCountsOf(s.Progress)})
}

func (v *meshEvents) documents(r tandem.PeerDocumentReplication) {
	direction := map[bool]string{true: "push", false: "pull"}[r.IsPush]
	for _, d := range r.Documents {
		_ = v.print(struct { // an output that has gone ends the command
			Event      string `json:"event"`
			PeerID     string `json:"peerID"`
			Direction  string `json:"direction"`
			Collection string `json:"collection"`
			ID         string `json:"id"`
			Error      string `json:"error,omitempty"`
		}{"document", r.Peer.String(), direction, d.Scope + "." + d.Collection, d.ID, errorText(d.Err)})
	}
}

func (v *meshEvents) invitation(i tandem.InvitationInfo) {
	_ = v.print(struct { // an output that has gone ends the command
		Event string `json:"event"`
		invitationFacts
	}{"invitation", invitationFactsOf(i)})
}

// errorText returns the text of an error, "" for nil.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
