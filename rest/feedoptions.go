package rest

import (
	"cmp"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest/internal/tail"
)

// feedMode is a form in which changes are sent.
type feedMode string

const (
	normalFeed     feedMode = "normal"     // what there is, as one object
	longpollFeed   feedMode = "longpoll"   // likewise, but at least one change
	continuousFeed feedMode = "continuous" // a line for each change, as it comes
	sseFeed        feedMode = "sse"        // a server-sent event for each change, as it comes
)

// feedOptions are the parameters of _changes.
type feedOptions struct {
	mode       feedMode
	since      string // as it was given
	limit      int    // -1 for none
	activeOnly bool   // leaves out deletions
	leaves     bool   // lists the tombstones of branches that have lost a conflict
	documents  bool
	descending bool
	ids        map[string]bool // nil for all documents

	heartbeat time.Duration // 0 for none
	timeout   time.Duration // without a change; 0 for none
}

// Times of feeds. Each is brought within its bounds.
const (
	minHeartbeat     = time.Second
	maxHeartbeat     = 15 * time.Minute
	defaultHeartbeat = 30 * time.Second // of server-sent events, which have no end otherwise
	defaultTimeout   = time.Minute
	maxTimeout       = 15 * time.Minute
)

func (c *call) feedOptions() (o feedOptions, err error) {
	if o.mode, err = c.feedMode(); err != nil {
		return o, err
	}
	o.since, o.leaves = c.param("since"), c.param("style") == "all_docs"
	if o.mode == sseFeed {
		o.since = cmp.Or(c.r.Header.Get("Last-Event-ID"), o.since)
	}
	for name, to := range map[string]*bool{"active_only": &o.activeOnly, "include_docs": &o.documents, "descending": &o.descending} {
		if *to, err = c.flag(name); err != nil {
			return o, err
		}
	}
	if o.descending && o.mode != normalFeed {
		return o, refuse(http.StatusBadRequest, "changes that are to come have no descending order")
	}
	limit, err := c.number("limit", math.MaxUint64)
	if err != nil {
		return o, err
	}
	if o.limit = -1; limit <= math.MaxInt {
		o.limit = max(1, int(limit)) // 0 counts as 1, as in CouchDB
	}
	if err := c.feedFilter(&o); err != nil {
		return o, err
	}
	return o, c.feedTimes(&o)
}

func (c *call) feedMode() (feedMode, error) {
	switch mode := feedMode(c.param("feed")); mode {
	case "":
		return normalFeed, nil
	case normalFeed, longpollFeed, continuousFeed, sseFeed:
		return mode, nil
	case "eventsource":
		return sseFeed, nil
	case "websocket":
		return "", refuse(http.StatusNotImplemented, "there are no changes by WebSocket").try("use feed=sse")
	default:
		return "", refuse(http.StatusBadRequest, "feed is %.40q, want normal, longpoll, continuous or sse", mode)
	}
}

func (c *call) feedFilter(o *feedOptions) error {
	if style := c.param("style"); style != "" && style != "main_only" && style != "all_docs" {
		return refuse(http.StatusBadRequest, "style is %.40q, want main_only or all_docs", style)
	}
	revocations, err := c.flag("revocations")
	if err != nil {
		return err
	}
	filter := c.param("filter")
	if revocations || c.has("channels") || strings.HasPrefix(filter, "sync_gateway/") {
		return refuse(http.StatusNotImplemented, "there are no channels here")
	}
	switch filter {
	case "":
		return nil
	case "_doc_ids":
	case "_selector", "_view", "_design":
		return refuse(http.StatusNotImplemented, "the filter %s does not work here", filter).
			try("use the filter _doc_ids, or replicate a collection of its own")
	default:
		return refuse(http.StatusBadRequest, "filter is %.40q, want _doc_ids", filter)
	}
	var ids []string
	if err := unmarshal([]byte(cmp.Or(c.query.Get("doc_ids"), "null")), &ids); err != nil || ids == nil {
		return refuse(http.StatusBadRequest, "the filter _doc_ids needs doc_ids, an array of IDs")
	}
	o.ids = make(map[string]bool, len(ids))
	for _, id := range ids {
		o.ids[id] = true
	}
	return nil
}

func (c *call) feedTimes(o *feedOptions) error {
	heartbeat, err := c.milliseconds("heartbeat")
	if err != nil {
		return err
	}
	timeout, err := c.milliseconds("timeout")
	switch {
	case err != nil:
		return err
	case heartbeat > 0:
		o.heartbeat = min(max(heartbeat, minHeartbeat), maxHeartbeat)
	case timeout > 0:
		o.timeout = min(timeout, maxTimeout)
	case o.mode == sseFeed:
		o.heartbeat = defaultHeartbeat
	default:
		o.timeout = defaultTimeout
	}
	return nil
}

// milliseconds returns a parameter that is a time, 0 if it is missing.
func (c *call) milliseconds(name string) (time.Duration, error) {
	n, err := c.number(name, 0)
	return time.Duration(min(n, uint64(time.Hour/time.Millisecond))) * time.Millisecond, err
}

// start returns the sequence to begin after, where last is that of the latest change.
func (o feedOptions) start(last uint64) (uint64, error) {
	switch o.since {
	case "":
		return 0, nil
	case "now":
		return last, nil
	}
	since, err := strconv.ParseUint(o.since, 10, 63)
	switch {
	case err != nil:
		return 0, refuse(http.StatusBadRequest, "since is %.40q, want now, or a number from 0", o.since)
	case since > last:
		return 0, refuse(http.StatusBadRequest, "since is %d, and the last change is %d: these are other changes than before", since, last).
			try("the collection was made anew, or an older copy is back; begin with since=0")
	}
	return since, nil
}

// selects reports whether a change is one that the client wants.
func (o feedOptions) selects(id string, deleted bool) bool {
	return (!deleted || !o.activeOnly) && (o.ids == nil || o.ids[id])
}

// form returns the change as the client wants it.
func (o feedOptions) form(e *tail.Event) *tail.Event {
	if o.leaves && e.Leaves != nil {
		return e.Leaves
	}
	return e
}

// selection is what the database can do of the options.
func (o feedOptions) selection() tandem.ChangeOptions {
	wanted := tandem.ChangeOptions{Documents: o.documents, Descending: o.descending}
	if !o.activeOnly && o.ids == nil && !o.descending {
		wanted.Limit = max(0, o.limit)
	}
	return wanted
}

// feedArguments are the parameters as _active_tasks shows them.
func (c *call) feedArguments() map[string]any {
	shown := map[string]any{}
	for _, name := range []string{"feed", "since", "limit", "filter", "style", "active_only", "include_docs", "heartbeat", "timeout"} {
		if text := c.param(name); text != "" {
			shown[name] = text
		}
	}
	return shown
}
