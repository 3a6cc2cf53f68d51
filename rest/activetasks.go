package rest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tandemdb/tandem"
)

func taskRoutes() []route {
	return []route{
		{method: "GET", pattern: "/_active_tasks", needs: login, do: getActiveTasks},
		{method: "POST", pattern: "/{db}/_compact", needs: admin, do: postCompact},
		{method: "POST", pattern: "/{db}/_check", needs: admin, do: postCheck},
	}
}

// activity is an answer under way that _active_tasks lists: a feed of changes, or a query.
type activity struct {
	Type  string         `json:"type"` // "changes" or "query"
	KS    string         `json:"ks"`
	User  string         `json:"user,omitempty"`
	Age   int64          `json:"age_secs"`
	Args  map[string]any `json:"args,omitempty"`  // of a feed
	Query string         `json:"query,omitempty"` // the text, or the name

	began time.Time
}

// activities are the answers under way. The zero value is empty.
type activities struct {
	mu   sync.Mutex // guards the following
	last uint64
	all  map[uint64]activity
}

// begin lists an activity of the request's user until done is called.
func (c *call) begin(a activity) (done func()) {
	a.User, a.began = c.who.name, c.began
	as := &c.h.activities
	as.mu.Lock()
	defer as.mu.Unlock()
	as.last++
	number := as.last
	if as.all == nil {
		as.all = map[uint64]activity{}
	}
	as.all[number] = a
	return func() {
		as.mu.Lock()
		defer as.mu.Unlock()
		delete(as.all, number)
	}
}

// of returns the activities that the caller may know of, oldest first.
func (as *activities) of(who caller) (seen []activity) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, number := range slices.Sorted(maps.Keys(as.all)) {
		if a := as.all[number]; isAdmin(who.user) || who.name != "" && a.User == who.name {
			a.Age = secondsSince(a.began)
			seen = append(seen, a)
		}
	}
	return seen
}

// syncItem is the JSON of a client that syncs.
type syncItem struct {
	Type     string `json:"type"`
	Database string `json:"database"`
	User     string `json:"user,omitempty"`
	Address  string `json:"address"`
	Agent    string `json:"agent,omitempty"`
	Protocol string `json:"protocol"`
	Age      int64  `json:"age_secs"`
	Status   string `json:"status"`
	Read     uint64 `json:"docs_read"` // by the client
	Written  uint64 `json:"docs_written"`
	Error    string `json:"error,omitempty"`
}

// clients returns the clients of the listener that the caller may know of, oldest first.
func (h *Handler) clients(who caller) []syncItem {
	var seen []syncItem
	if h.cfg.Sync == nil {
		return nil
	}
	all := h.cfg.Sync.Clients()
	slices.SortFunc(all, func(a, b tandem.ListenerClient) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	for _, client := range all {
		if !isAdmin(who.user) && (who.name == "" || client.User != who.name) {
			continue
		}
		item := syncItem{
			Type: "sync", Database: h.nameOf(client.Database), User: client.User, Address: client.Address, Agent: client.Agent,
			Protocol: client.Protocol, Age: secondsSince(client.Since), Status: statusText(client.Activity),
			Read: client.Progress.Push.Documents, Written: client.Progress.Pull.Documents,
		}
		if client.Err != nil {
			item.Error = client.Err.Error()
		}
		seen = append(seen, item)
	}
	return seen
}

// nameOf returns the name in URLs of a database, or its own name if it is not served.
func (h *Handler) nameOf(db *tandem.Database) string {
	for _, s := range h.served {
		if s.Database == db {
			return s.name
		}
	}
	return db.Name()
}

func getActiveTasks(c *call) error {
	items := []any{}
	for _, e := range c.h.tasks.of(c.who) {
		if _, result := e.task.(*upkeep); result || e.running() { // only here its outcome can be seen
			items = append(items, e.item())
		}
	}
	for _, client := range c.h.clients(c.who) {
		items = append(items, client)
	}
	for _, a := range c.h.activities.of(c.who) {
		items = append(items, a)
	}
	return c.answer(http.StatusOK, items)
}
