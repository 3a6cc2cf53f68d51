package rest

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound what clients may use. Zero fields have the defaults; a negative one is no limit.
type Limits struct {
	Connections           int // at once, for [Handler.Serve]; 1,000
	ConnectionsPerAddress int // 250
	Feeds                 int // lasting answers at once; 1,000
	FeedsPerUser          int // 100
	QueriesPerUser        int // of the configuration, at once; 2

	RequestsPerSecond int // of one user, or of one address without a login; 200
	Burst             int // requests at once, on top; 400

	DocumentBytes int64 // 20 MiB
	BulkBytes     int64 // of many documents; 100 MiB
	BlobBytes     int64 // 4 GiB

	HeaderTime time.Duration // for the header of a request, for [Handler.Serve]; 5 s
	QueryWait  time.Duration // of a query of the configuration, until others have ended; 10 s
	Patience   time.Duration // until a client that does not read, or send, its next bytes is given up; 30 s
}

// maxRequest bounds a body that is a request and no data, in bytes.
const maxRequest = 1 << 20

func (l Limits) withDefaults() Limits {
	l.Connections = limit(l.Connections, 1000)
	l.ConnectionsPerAddress = limit(l.ConnectionsPerAddress, 250)
	l.Feeds = limit(l.Feeds, 1000)
	l.FeedsPerUser = limit(l.FeedsPerUser, 100)
	l.QueriesPerUser = limit(l.QueriesPerUser, 2)
	l.RequestsPerSecond = limit(l.RequestsPerSecond, 200)
	l.Burst = limit(l.Burst, 400)
	l.DocumentBytes = limit(l.DocumentBytes, 20<<20)
	l.BulkBytes = limit(l.BulkBytes, 100<<20)
	l.BlobBytes = limit(l.BlobBytes, 4<<30)
	l.HeaderTime = cmp.Or(l.HeaderTime, 5*time.Second)
	l.QueryWait = cmp.Or(l.QueryWait, 10*time.Second)
	l.Patience = cmp.Or(l.Patience, 30*time.Second)
	return l
}

func limit[N int | int64](given, missing N) N {
	if given < 0 {
		return math.MaxInt32
	}
	return cmp.Or(given, missing)
}

// rates bound the requests of each user.
type rates struct {
	perSecond rate.Limit
	burst     int

	mu   sync.Mutex
	each map[string]*rate.Limiter
}

// maxRates bounds the users, and addresses, that are remembered.
const maxRates = 10_000

// check counts a request of somebody, and answers 429 if there were too many.
func (r *rates) check(who string) error {
	if r.perSecond >= math.MaxInt32 || r.of(who).Allow() {
		return nil
	}
	return tooMany("more than %d requests a second", int(r.perSecond))
}

// longestPace bounds how long a request waits for its turn.
const longestPace = 5 * time.Second

// pace is check for the requests of a client that sends many and cannot send them later: it waits for its
// turn.
func (c *call) pace(who string) error {
	r := &c.h.rates
	if r.perSecond >= math.MaxInt32 {
		return nil
	}
	turn := r.of(who).Reserve()
	if !turn.OK() || turn.Delay() > longestPace {
		turn.Cancel()
		return tooMany("more than %d requests a second", int(r.perSecond))
	}
	pause(c.r.Context(), turn.Delay())
	return c.r.Context().Err()
}

func (r *rates) of(who string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.each[who]
	if l == nil {
		if r.each == nil || len(r.each) >= maxRates {
			r.each = make(map[string]*rate.Limiter)
		}
		l = rate.NewLimiter(r.perSecond, r.burst)
		r.each[who] = l
	}
	return l
}

// tooMany answers 429.
func tooMany(format string, args ...any) error {
	no := refuse(http.StatusTooManyRequests, format, args...)
	no.header = http.Header{"Retry-After": {strconv.Itoa(1)}}
	return no.try("send fewer, and try again later")
}

// seats bound what goes on at once, in all and for one user each.
type seats struct {
	all, each int

	mu    sync.Mutex
	used  map[string]int
	sum   int
	freed chan struct{} // closed when a seat is given back, for those who wait; nil if nobody does
}

// take reports whether there is a seat for somebody, who gives it back by leave.
func (s *seats) take(who string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takeLocked(who)
}

// await takes a seat as soon as there is one. It reports false if ctx ends before.
func (s *seats) await(ctx context.Context, who string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.takeLocked(who) {
		if s.freed == nil {
			s.freed = make(chan struct{})
		}
		freed := s.freed
		s.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
		}
		if s.mu.Lock(); ctx.Err() != nil {
			return false
		}
	}
	return true
}

func (s *seats) takeLocked(who string) bool {
	if s.sum >= s.all || s.used[who] >= s.each {
		return false
	}
	if s.used == nil {
		s.used = make(map[string]int)
	}
	s.used[who]++
	s.sum++
	return true
}

func (s *seats) leave(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum--
	if s.used[who]--; s.used[who] <= 0 {
		delete(s.used, who)
	}
	if s.freed != nil {
		close(s.freed)
		s.freed = nil
	}
}
