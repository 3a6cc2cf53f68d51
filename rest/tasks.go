package rest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/users"
)

// The bounds of the registry.
const (
	maxTasks      = 1000 // that run, or have ended
	maxTasksEach  = 100  // of a user without the role admin, of these
	maxEndedTasks = 500
)

// task is a job that goes on after the request that began it.
type task interface {
	// item is the JSON of the task.
	item() any
	// running reports whether the task has not ended.
	running() bool
	// close ends the task, and waits for its end.
	close()
}

// entry is a task in the registry.
type entry struct {
	task
	number int
	owner  string // the name of the user; "" for nobody
	began  time.Time
}

// visible reports whether the caller may know of the task.
func (e *entry) visible(who caller) bool {
	return isAdmin(who.user) || who.user != nil && e.owner == who.name
}

func isAdmin(u *users.User) bool { return u != nil && u.Admin }

// tasks are the tasks of a handler. Numbers are never used again. The zero value is empty.
type tasks struct {
	mu    sync.Mutex // guards the following
	last  int
	known map[int]*entry
}

// add gives a task its number. begin gets the entry, without a task yet, and returns the task.
func (ts *tasks) add(who caller, begin func(e *entry) task) (*entry, error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.forgetEnded(maxEndedTasks)
	own := 0
	for _, e := range ts.known {
		if e.owner == who.name && e.running() {
			own++
		}
	}
	if own >= maxTasksEach && !isAdmin(who.user) || len(ts.known) >= maxTasks {
		return nil, refuse(http.StatusTooManyRequests, "there are too many tasks").try("stop or delete some: GET /_active_tasks lists them")
	}
	ts.last++
	e := &entry{number: ts.last, owner: who.name, began: time.Now()}
	e.task = begin(e)
	if ts.known == nil {
		ts.known = map[int]*entry{}
	}
	ts.known[e.number] = e
	return e, nil
}

// forgetEnded forgets the tasks that ended first, until no more than most are left. mu is held.
func (ts *tasks) forgetEnded(most int) {
	var ended []int
	for number, e := range ts.known {
		if !e.running() {
			ended = append(ended, number)
		}
	}
	slices.Sort(ended)
	for _, number := range ended[:max(0, len(ended)-most)] {
		delete(ts.known, number)
	}
}

// of returns the tasks that the caller may know of, by their numbers.
func (ts *tasks) of(who caller) []*entry {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var seen []*entry
	for _, e := range ts.known {
		if e.visible(who) {
			seen = append(seen, e)
		}
	}
	slices.SortFunc(seen, func(a, b *entry) int { return cmp.Compare(a.number, b.number) })
	return seen
}

// find returns a task that the caller may know of.
func (ts *tasks) find(who caller, number string) (*entry, error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "%.40q is no number of a task", number)
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if e := ts.known[n]; e != nil && e.visible(who) {
		return e, nil
	}
	return nil, refuse(http.StatusNotFound, "there is no task %d", n)
}

func (ts *tasks) remove(number int) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	delete(ts.known, number)
}

// all returns every task.
func (ts *tasks) all() []*entry {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return slices.Collect(maps.Values(ts.known))
}

// close ends all tasks at once, and waits for them.
func (ts *tasks) close() {
	var ended sync.WaitGroup
	for _, e := range ts.all() {
		ended.Go(e.close)
	}
	ended.Wait()
}

// taskError is the error of a task.
type taskError struct {
	Error  string `json:"error"`
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"`
	Domain int    `json:"x-litecore-domain"`
	Code   int    `json:"x-litecore-code"`
}

// errorOfTask returns the JSON of the error that ended a task, or has it wait; nil for nil.
func errorOfTask(err error) *taskError {
	if err == nil {
		return nil
	}
	t := &taskError{Error: nameOf(statusOf(err)), Reason: err.Error(), Hint: tandem.HintOf(err)}
	e := fault.Of(err)
	if e == nil {
		return t
	}
	t.Domain, t.Code = domainNumber(e.Domain), e.Code
	switch e.Domain {
	case tandem.DomainNetwork, tandem.DomainTLS:
		t.Error = "unreachable"
	case tandem.DomainWebSocket:
		t.Error = nameOf(e.Code) // the status with which the peer refused
	default:
	}
	return t
}

func secondsSince(t time.Time) int64 { return int64(time.Since(t) / time.Second) }
