package transport

import (
	"container/list"
	"net"
	"sync"
	"time"
)

// waiting holds the clients whose request has not come yet, the oldest in front.
type waiting struct {
	most int

	mu      sync.Mutex
	clients *list.List // of net.Conn
}

func newWaiting(most int) *waiting { return &waiting{most: most, clients: list.New()} }

// enter adds a client, which has the time d, and pushes out the oldest if there are too
// many: a good client needs no time, and a stalled one has no claim. The returned function
// takes it off again and gives it the time d once more, for the rest of the handshake.
func (w *waiting) enter(nc net.Conn, d time.Duration) (leave func()) {
	allow(nc, d)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.clients.Len() >= w.most {
		allow(w.clients.Remove(w.clients.Front()).(net.Conn), 0)
	}
	e := w.clients.PushBack(nc)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.clients.Remove(e)
		allow(nc, d)
	}
}

// hurry leaves each client no more time than d.
func (w *waiting) hurry(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for e := w.clients.Front(); e != nil; e = e.Next() {
		allow(e.Value.(net.Conn), d)
	}
}
