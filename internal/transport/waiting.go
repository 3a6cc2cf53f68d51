package transport

import (
	"container/list"
	"net"
	"sync"
	"time"
)

// waiting lists the clients that have sent no request yet, the oldest first.
type waiting struct {
	most int

	mu      sync.Mutex
	clients *list.List // of net.Conn
}

func newWaiting(most int) *waiting { return &waiting{most: most, clients: list.New()} }

// enter adds a client and gives it the time d. If the list is full, it pushes out the oldest: a
// good client needs little time, so the oldest is probably stalled. leave removes the client and
// gives it the time d again, for the rest of the handshake.
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

// hurry limits each client to the time d from now.
func (w *waiting) hurry(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for e := w.clients.Front(); e != nil; e = e.Next() {
		allow(e.Value.(net.Conn), d)
	}
}
