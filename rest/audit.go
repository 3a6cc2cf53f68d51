package rest

import (
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Audit says which events a handler records, and where. The events have the numbers of Couchbase Edge
// Server: see [AuditEvents].
type Audit struct {
	// Writer receives one line of JSON for each event: a file that only its owner may read, for
	// example. Nil records nothing.
	Writer io.Writer

	// Enable and Disable change which events are recorded. Those of one document, of reading a
	// database and of each request are not, unless they are enabled.
	Enable, Disable []int

	// OmitDescription leaves the description of the event's kind out.
	OmitDescription bool
}

// The events that are recorded.
const (
	auditStart = 57344 + iota
	auditStop
	auditRequest
	auditLogin
	auditLoginFailed
	auditReadDatabase
	auditReadAllDatabases
	auditFeedStart
	auditFeedEnd
	auditSyncConnect
	auditSyncDisconnect
	auditReplicationStart
	auditReplicationStop
	auditReplicationConflict
	auditCreate
	auditRead
	auditUpdate
	auditDelete
	auditQuery
	auditAdmin
)

// auditKind describes the events of one number.
type auditKind struct {
	name, description string
	enabled           bool // by default
}

func auditKinds() map[int]auditKind {
	return map[int]auditKind{
		auditStart:               {"server started", "The server has started.", true},
		auditStop:                {"server stopped", "The server has stopped.", true},
		auditRequest:             {"HTTP request", "A request was answered.", false},
		auditLogin:               {"user authenticated", "A user has logged in.", true},
		auditLoginFailed:         {"authentication failed", "A login was refused.", true},
		auditReadDatabase:        {"read database", "A database or collection was described.", false},
		auditReadAllDatabases:    {"read all databases", "The databases were listed.", false},
		auditFeedStart:           {"changes feed started", "A client follows changes.", true},
		auditFeedEnd:             {"changes feed ended", "A client follows changes no longer.", true},
		auditSyncConnect:         {"sync client connected", "A replicator has connected.", true},
		auditSyncDisconnect:      {"sync client disconnected", "A replicator has disconnected.", true},
		auditReplicationStart:    {"replication started", "The server replicates with another.", true},
		auditReplicationStop:     {"replication stopped", "The server replicates with another no longer.", true},
		auditReplicationConflict: {"replication conflict", "Both sides of a replication have changed a document.", true},
		auditCreate:              {"create document", "A document was created.", false},
		auditRead:                {"read document", "A document was read.", false},
		auditUpdate:              {"update document", "A document was changed.", false},
		auditDelete:              {"delete document", "A document was deleted.", false},
		auditQuery:               {"query", "A query was run.", false},
		auditAdmin:               {"administration", "A collection was made or removed, or documents were purged.", true},
	}
}

// AuditEvents returns the names of all events by their numbers, and whether each is recorded unless
// [Audit] says otherwise.
func AuditEvents() (names map[int]string, enabled map[int]bool) {
	names, enabled = map[int]string{}, map[int]bool{}
	for number, kind := range auditKinds() {
		names[number], enabled[number] = kind.name, kind.enabled
	}
	return names, enabled
}

// auditor records events. A nil auditor records none.
type auditor struct {
	cfg   Audit
	log   *slog.Logger
	kinds map[int]auditKind // those that are recorded

	mu sync.Mutex // one line is written at a time
}

func newAuditor(cfg Audit, log *slog.Logger) *auditor {
	if cfg.Writer == nil {
		return nil
	}
	a := &auditor{cfg: cfg, log: log, kinds: map[int]auditKind{}}
	for number, kind := range auditKinds() {
		if (kind.enabled || slices.Contains(cfg.Enable, number)) && !slices.Contains(cfg.Disable, number) {
			a.kinds[number] = kind
		}
	}
	return a
}

// records reports whether events of a number are recorded.
func (a *auditor) records(event int) bool {
	if a == nil {
		return false
	}
	_, ok := a.kinds[event]
	return ok
}

// record records an event with what more there is to tell: texts, numbers and booleans by their names.
func (a *auditor) record(event int, more map[string]any) {
	if !a.records(event) {
		return
	}
	line := map[string]any{"id": event, "timestamp": time.Now().UTC().Format(time.RFC3339Nano), "name": a.kinds[event].name}
	if !a.cfg.OmitDescription {
		line["description"] = a.kinds[event].description
	}
	for name, value := range more {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err == nil {
		a.mu.Lock()
		_, err = a.cfg.Writer.Write(append(text, '\n'))
		a.mu.Unlock()
	}
	if err != nil && a.log != nil {
		a.log.Error("an event could not be recorded in the audit log", "event", event, "error", err)
	}
}

// audit records an event of a request, with the user, the address and what the path names.
func (c *call) audit(event int, more ...any) {
	if !c.h.audit.records(event) {
		return
	}
	facts := map[string]any{"user": c.who.name, "address": c.from.String(), "cid": c.id}
	if c.coll != nil {
		facts["ks"] = c.ks.String()
	} else if c.db != nil {
		facts["db"] = c.db.name
	}
	for i := 0; i+1 < len(more); i += 2 {
		facts[more[i].(string)] = more[i+1]
	}
	c.h.audit.record(event, facts)
}
