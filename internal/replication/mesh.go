package replication

import "github.com/tandemdb/tandem/blip"

// Mesh makes a session a link between two members of a mesh, in either role.
type Mesh struct {
	// Remote names the peer in the database, in both roles and under every address.
	Remote string

	// Collections are the options that this member has as the active peer. The passive one keeps its
	// own checkpoint by them; see [mirrored].
	Collections []CollectionOptions

	// Fetches are shared by all sessions of the database. Nil shares nothing.
	Fetches *Fetches

	// Greeting returns requests that each session sends before all others. Nil sends none.
	Greeting func() []*blip.Message

	// Unshared is told the collections that only one of the two shares, which the session leaves out: by
	// the active peer, those that the other lacks. Nil is told nothing. It must not block.
	Unshared func(collections []string)

	// Handle takes the requests that are not of the protocol, and reports whether it has answered. It
	// must not block. Nil takes none.
	Handle func(req *blip.Request) bool
}

// leaveOut tells the member which collections a session does not sync, since one of the two lacks them.
func (m *Mesh) leaveOut(collections []string) {
	if m != nil && m.Unshared != nil {
		m.Unshared(collections)
	}
}

// handles passes a request on to the mesh.
func (m *Mesh) handles(req *blip.Request) bool {
	return m != nil && m.Handle != nil && m.Handle(req)
}

// greet sends the greeting, before the session runs.
func (m *Mesh) greet(send func(*blip.Message) error) {
	if m == nil || m.Greeting == nil {
		return
	}
	for _, greeting := range m.Greeting() {
		if send(greeting) != nil {
			return // the connection is dead, as the session notices
		}
	}
}

// fetches returns what the sessions of the database share, and what this one has alone otherwise.
func (m *Mesh) fetches() *Fetches {
	if m == nil || m.Fetches == nil {
		return new(Fetches)
	}
	return m.Fetches
}

// claims returns what a new session of the mesh uses, nil outside of one.
func (m *Mesh) claims() *claims {
	if m == nil || m.Fetches == nil {
		return nil
	}
	return &claims{shared: m.Fetches, all: make(map[fetchKey]*claim)}
}
