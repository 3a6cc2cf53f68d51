package rest

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/users"
)

func replicateRoutes() []route {
	return []route{
		{method: "GET", pattern: "/_replicate", needs: replicates, do: getReplications},
		{method: "POST", pattern: "/_replicate", needs: replicates, do: postReplicate},
		{method: "POST", pattern: "/_replicate/_test", needs: replicates, do: testReplication},
		{method: "GET", pattern: "/_replicate/{n}", needs: replicates, do: getReplication},
		{method: "DELETE", pattern: "/_replicate/{n}", needs: replicates, do: deleteReplication},
		{method: "POST", pattern: "/_replicate/{n}/push", needs: replicates, do: pushOne},
		{method: "POST", pattern: "/_replicate/{n}/{action}", needs: replicates, do: postReplicationAction},
	}
}

// replication is a task that replicates.
type replication struct {
	entry *entry
	what  parsedReplication // without secrets
	names []string          // of the collections
	admin bool              // only an admin may name its peer

	replicator *tandem.Replicator
	token      *tandem.ListenerToken
	updated    chan time.Time // holds when the status changed last
}

// replicationItem is the JSON of a replication.
type replicationItem struct {
	Number        int        `json:"task_id"`
	Age           int64      `json:"age_secs"`
	Type          string     `json:"type"`
	Source        string     `json:"source"`
	Target        string     `json:"target"`
	Bidirectional bool       `json:"bidirectional,omitempty"`
	Continuous    bool       `json:"continuous"`
	User          string     `json:"user,omitempty"`
	Collections   []string   `json:"collections,omitempty"`
	Status        string     `json:"status"`
	Updated       int64      `json:"updated_on"`
	Error         *taskError `json:"error,omitempty"`

	replicationProgress
}

// replicationProgress is what a replication has done, and when it tries again.
type replicationProgress struct {
	Read          uint64 `json:"docs_read"`
	Written       uint64 `json:"docs_written"`
	Failed        uint64 `json:"doc_write_failures"`
	Pending       uint64 `json:"pending"`
	Conflicts     uint64 `json:"conflicts,omitempty"`
	BytesSent     uint64 `json:"bytes_sent"`
	BytesReceived uint64 `json:"bytes_received"`
	Attempt       int    `json:"attempt"`
	NextRetry     int64  `json:"next_retry,omitempty"` // Unix time
}

func progressOf(s tandem.ReplicatorStatus) replicationProgress {
	push, pull := s.Progress.Push, s.Progress.Pull
	p := replicationProgress{
		Read: pull.Documents, Written: push.Documents, Failed: push.Failed + pull.Failed,
		Pending:   push.Total - min(push.Completed, push.Total) + pull.Total - min(pull.Completed, pull.Total),
		Conflicts: s.Progress.Conflicts, BytesSent: s.Progress.BytesSent, BytesReceived: s.Progress.BytesReceived,
		Attempt: s.Attempt,
	}
	if !s.NextRetry.IsZero() {
		p.NextRetry = s.NextRetry.Unix()
	}
	return p
}

func (t *replication) item() any {
	status := t.replicator.Status()
	updated := <-t.updated
	t.updated <- updated
	return replicationItem{
		Number: t.entry.number, Age: secondsSince(t.entry.began), Type: "replication", User: t.entry.owner,
		Source: t.what.Source, Target: t.what.Target, Bidirectional: t.what.Bidirectional, Continuous: t.what.Continuous,
		Collections: t.names, Status: statusText(status.Activity), Updated: updated.Unix(),
		Error: errorOfTask(status.Err), replicationProgress: progressOf(status),
	}
}

// statusText is Edge Server's word for an activity.
func statusText(a tandem.ActivityLevel) string {
	switch a {
	case tandem.Offline:
		return "Offline"
	case tandem.Connecting:
		return "Connecting"
	case tandem.Idle:
		return "Idle"
	case tandem.Busy:
		return "Busy"
	default:
		return "Stopped"
	}
}

func (t *replication) running() bool { return t.replicator.Status().Activity != tandem.Stopped }

func (t *replication) close() { t.replicator.Close() }

// isAllowed reports whether the owner's rights still suffice.
func (t *replication) isAllowed(u *users.User) bool {
	return u != nil && (u.Admin || u.Replicate && !t.admin) && t.what.allowed(func(scope, name string) users.Right {
		return u.Rights(t.what.db.name, scope, name)
	}) == nil
}

// mayRun checks that a user may have the replication run.
func (t *replication) mayRun(u *users.User) error {
	if !isAdmin(u) && !t.isAllowed(u) {
		return refuse(http.StatusForbidden, "you have no access any more to what task %d replicates", t.entry.number)
	}
	return nil
}

// replicate begins a replication. who is the zero value for one of the configuration.
func (h *Handler) replicate(ctx context.Context, who caller, what Replication) (*entry, error) {
	forAdmin := what.Peer != "" || len(h.cfg.ReplicationTargets) == 0
	what, err := findPeer(ctx, who, what)
	if err != nil {
		return nil, err
	}
	p, err := h.parse(what)
	if err != nil {
		return nil, err
	}
	cfg, err := h.replicatorConfiguration(ctx, who, &p)
	if err != nil {
		return nil, err
	}
	cfg.Logger = h.cfg.Logger
	replicator, err := tandem.NewReplicator(cfg)
	if err != nil {
		return nil, err
	}
	reset := p.Reset
	p.Replication = Replication{ // no secret stays
		Source: shownEnd(p, p.Source), Target: shownEnd(p, p.Target), Bidirectional: p.Bidirectional,
		Continuous: p.Continuous, Collections: p.Collections,
	}
	e, err := h.tasks.add(who, func(e *entry) task {
		t := &replication{entry: e, what: p, admin: forAdmin, replicator: replicator, updated: make(chan time.Time, 1)}
		for _, coll := range cfg.Collections {
			t.names = append(t.names, coll.Collection.FullName())
		}
		t.updated <- e.began
		t.token = replicator.AddChangeListener(func(tandem.ReplicatorStatus) { <-t.updated; t.updated <- time.Now() })
		return t
	})
	if err != nil {
		return nil, err
	}
	if err := startReplicator(replicator, reset); err != nil {
		h.tasks.remove(e.number)
		return nil, err
	}
	h.audit.record(auditReplicationStart, map[string]any{
		"task_id": e.number, "source": p.Source, "target": p.Target, "continuous": p.Continuous, "user": who.name,
	})
	h.guardTasks()
	return e, nil
}

// shownEnd returns the source or target as it is shown: the URL of the peer as its endpoint names it.
func shownEnd(p parsedReplication, given string) string {
	if isURL(given) {
		return p.endpoint.String()
	}
	return given
}

func startReplicator(r *tandem.Replicator, reset bool) error {
	if reset {
		return r.StartWithReset()
	}
	return r.Start()
}

// errNoLocal does not repeat the name: it may be an address with a password.
var errNoLocal = refuse(http.StatusNotFound, "source or target names no database of this server").
	try("write the URL of the peer as wss://host:port/database")

// replicatorConfiguration checks what a user may replicate with whom. The configuration's own
// replications may do everything.
func (h *Handler) replicatorConfiguration(ctx context.Context, who caller, p *parsedReplication) (tandem.ReplicatorConfiguration, error) {
	ofConfiguration := who.user == nil
	switch {
	case p.db == nil && (ofConfiguration || isAdmin(who.user)):
		return tandem.ReplicatorConfiguration{}, errNoLocal
	case p.db == nil:
		return tandem.ReplicatorConfiguration{}, refuse(http.StatusForbidden, "you have no access to that database, or there is no such place")
	case !ofConfiguration && !isAdmin(who.user):
		if err := p.allowed(func(scope, name string) users.Right { return who.user.Rights(p.db.name, scope, name) }); err != nil {
			return tandem.ReplicatorConfiguration{}, err
		}
	}
	cfg, err := p.configuration(ctx)
	if err == nil && !ofConfiguration {
		err = h.mayReach(p, cfg.Proxy, isAdmin(who.user))
		cfg.CheckRedirect = h.checkTarget // a peer that is allowed may send the server elsewhere
	}
	return cfg, err
}

// guardTasks begins to stop replications whose owners have lost their rights, unless it has begun. At
// the end of the handler it closes all tasks.
func (h *Handler) guardTasks() {
	h.guarding.Do(func() {
		h.life.spawn(func(ctx context.Context) {
			ticker := time.NewTicker(accessInterval)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					h.tasks.close()
					return
				case <-ticker.C:
					h.stopForbidden()
				}
			}
		})
	})
}

func (h *Handler) stopForbidden() {
	list := h.users.Load()
	for _, e := range h.tasks.all() {
		if t, ok := e.task.(*replication); ok && e.owner != "" && t.running() && (list == nil || !t.isAllowed(list.Find(e.owner))) {
			t.replicator.Stop()
		}
	}
}

func postReplicate(c *call) error {
	var what Replication
	if err := c.decodeExactly(&what, maxRequest, "the body is no replication"); err != nil {
		return err
	}
	e, err := c.h.replicate(c.r.Context(), c.who, what)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, struct {
		OK     bool `json:"ok"`
		Number int  `json:"task_id"`
	}{true, e.number})
}

func getReplications(c *call) error {
	items := []any{}
	for _, e := range c.h.tasks.of(c.who) {
		if _, ok := e.task.(*replication); ok {
			items = append(items, e.item())
		}
	}
	return c.answer(http.StatusOK, items)
}

// replication returns the replication that the path names.
func (c *call) replication() (*replication, error) {
	e, err := c.h.tasks.find(c.who, c.vars[0])
	if err != nil {
		return nil, err
	}
	t, ok := e.task.(*replication)
	if !ok {
		return nil, refuse(http.StatusNotFound, "task %d is no replication", e.number)
	}
	return t, nil
}

func getReplication(c *call) error {
	t, err := c.replication()
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, t.item())
}

func deleteReplication(c *call) error {
	t, err := c.replication()
	if err != nil {
		return err
	}
	t.close()
	c.h.tasks.remove(t.entry.number)
	c.audit(auditReplicationStop, "task_id", t.entry.number)
	return c.answer(http.StatusOK, okAnswer)
}

// okAnswer says that something was done.
var okAnswer = map[string]bool{"ok": true}

func postReplicationAction(c *call) error {
	t, err := c.replication()
	if err != nil {
		return err
	}
	if err := c.checkJSON(); err != nil {
		return err
	}
	actions := map[string]func() error{
		"start": t.replicator.Start,
		"stop":  func() error { t.close(); return nil },
		"reset": func() error { t.close(); return t.replicator.StartWithReset() },
		"retry": func() error { t.replicator.RetryNow(); return nil },
	}
	act := actions[c.vars[1]]
	if act == nil {
		return refuse(http.StatusNotFound, "there is no action %.40q, only start, stop, reset and retry", c.vars[1])
	}
	if c.vars[1] != "stop" {
		if err := t.mayRun(c.who.user); err != nil {
			return err
		}
	}
	if err := act(); err != nil {
		return err
	}
	return c.answer(http.StatusOK, t.item())
}

// checkReplications parses the replications of the configuration.
func (h *Handler) checkReplications() error {
	for i, what := range h.cfg.Replications {
		if what.Peer != "" {
			continue // who is found when the replication starts
		}
		p, err := h.parse(what)
		if err == nil && p.db == nil {
			err = errNoLocal
		}
		if err == nil {
			_, err = p.names()
		}
		if err != nil {
			return tandem.ErrInvalid.In("configure REST", "").Says("replication %d: %v", i+1, err).Try(refusalOf(err).hint)
		}
	}
	return nil
}

// StartReplications starts those of [Configuration].Replications. The first that cannot start is the
// error; those before it have started.
func (h *Handler) StartReplications(ctx context.Context) error {
	for _, what := range slices.Clone(h.cfg.Replications) {
		if _, err := h.replicate(ctx, caller{}, what); err != nil {
			return err
		}
	}
	return nil
}
