package rest

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/users"
	"github.com/tandemdb/tandem/rest/internal/page"
	"github.com/tandemdb/tandem/rest/internal/tail"
)

// Handler answers HTTP requests: see the package comment. Make it with [NewHandler].
type Handler struct {
	cfg     Configuration
	uuid    string
	router  router
	names   []string // of the databases, sorted
	served  map[string]*served
	reading chan struct{} // holds a token for each read of documents under way

	users atomic.Pointer[users.List] // nil if there are none
	gate

	page *page.Page // nil for none

	tasks      tasks
	guarding   sync.Once // see guardTasks
	activities activities
	adHoc      chan struct{} // holds a token for each ad hoc query that runs

	audit *auditor
	shared
	life    life
	leaving atomic.Bool
}

// NewHandler makes a handler. The error is that of [Configuration.Validate].
func NewHandler(cfg Configuration) (*Handler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	h := &Handler{cfg: cfg.clone(), router: newRouter(slices.Concat(routes(), missingRoutes(), pageRoutes(), staticRoutes(cfg.Static))), uuid: cfg.UUID}
	h.serve(h.cfg.Databases)
	h.reading = make(chan struct{}, readsPerProcessor*runtime.GOMAXPROCS(0))
	h.adHoc = make(chan struct{}, adHocQueries)
	h.gate.open(h.cfg)
	h.audit = newAuditor(cfg.Audit, cfg.Logger)
	h.SetUsers(cfg.Users)
	if err := h.checkReplications(); err != nil {
		return nil, err
	}
	if cfg.Page {
		h.page = page.New()
	}
	h.life.begin()
	h.blobs.scanning = make(chan struct{}, scansAtOnce)
	h.tails = tail.NewPool(h.life.spawn, appendFeedDocument)
	h.audit.record(auditStart, nil)
	return h, nil
}

// shared is what the answers of a handler share.
type shared struct {
	tails *tail.Pool // of the collections that feeds follow
	blobs blobLookups
	pendings
	buffers bufferPool
	zippers writerPool
	ahead   readerPool
}

// readsPerProcessor bounds the reads of documents at once: each connection to a database warms a page
// cache of its own, so that many at once are slower than a few.
const readsPerProcessor = 2

// SetUsers replaces the users. Sessions of users who are gone, or have another password, end.
func (h *Handler) SetUsers(u *Users) {
	if u == nil {
		h.users.Store(nil)
	} else {
		h.users.Store(u.list)
	}
	h.sessions.keep(func(s *session) bool { return h.users.Load().Find(s.user.Name).SamePassword(s.user) })
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newCall(h, w, r)
	if !h.life.enter() {
		c.fail(refuse(http.StatusServiceUnavailable, "the server is closing"))
		return
	}
	defer h.life.leave()
	c.serve()
}

// serve runs the call, answers its error, and logs it.
func (c *call) serve() {
	defer c.finish()
	if err := c.run(); err != nil {
		c.fail(err)
	}
}

// Leave has GET /_ready answer 503 from now on, so that a load balancer sends new clients elsewhere. All
// else is served until Close.
func (h *Handler) Leave() { h.leaving.Store(true) }

// Close ends feeds and other lasting answers, and waits for the requests under way until ctx ends. New
// requests are answered 503. The error is that of ctx.
func (h *Handler) Close(ctx context.Context) error {
	if h.life.end() {
		h.audit.record(auditStop, nil)
	}
	return h.life.wait(ctx)
}

// run checks a request, and calls its endpoint.
func (c *call) run() error {
	if answered, err := c.checkSource(); answered || err != nil {
		return err
	}
	if err := c.checkVersion(); err != nil {
		return err
	}
	if err := c.checkCoding(); err != nil {
		return err
	}
	found, err := c.h.router.find(c.r)
	if err != nil {
		return err
	}
	c.needs = found.route.needs
	if err := c.authenticate(c.needs, found.route.paced); err != nil {
		return err
	}
	if err := c.locate(found); err != nil {
		return err
	}
	c.needs = found.route.needs
	if found.route.lasting {
		if who := c.account(); c.needs != nothing { // else the endpoint counts by itself
			if !c.h.feeds.take(who) {
				return tooMany("you have too many feeds, or all have")
			}
			defer c.h.feeds.leave(who)
		}
		ctx, cancel := c.h.life.context(c.r.Context())
		defer cancel()
		c.r = c.r.WithContext(ctx)
	}
	err = found.route.do(c)
	if c.coll != nil && errors.Is(err, tandem.ErrNotFound) {
		c.db.forgetIfGone(c.r.Context(), c.coll)
	}
	return err
}

// checkSource checks where the request comes from. It reports whether the request was answered.
func (c *call) checkSource() (answered bool, err error) {
	if c.inside {
		return false, nil
	}
	if err := c.checkHost(); err != nil {
		return false, err
	}
	return c.checkOrigin()
}

// life is the time between NewHandler and Close.
type life struct {
	base   context.Context //nolint:containedctx // the extent of lasting answers, which Close ends
	cancel context.CancelCauseFunc

	mu      sync.Mutex // guards the following
	closed  bool
	working int
	idle    chan struct{} // made by end; closed when nothing works any more
}

var errClosing = fault.NotOpen.Says("the server is closing")

func (l *life) begin() { l.base, l.cancel = context.WithCancelCause(context.Background()) }

// enter reports whether another request, or goroutine, may begin. Each that does ends with leave.
func (l *life) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.working++
	return true
}

func (l *life) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.working--; l.closed && l.working == 0 {
		close(l.idle)
	}
}

// spawn runs work on a goroutine, whose context ends with Close, which waits for it. It reports false
// after Close.
func (l *life) spawn(work func(ctx context.Context)) bool {
	if !l.enter() {
		return false
	}
	go func() {
		defer l.leave()
		work(l.base)
	}()
	return true
}

// context returns a context that ends with ctx, and with Close.
func (l *life) context(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l.base, func() { cancel(errClosing) })
	return ctx, func() { stop(); cancel(nil) }
}

// end reports whether life has ended just now.
func (l *life) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.closed = true
	l.idle = make(chan struct{})
	if l.working == 0 {
		close(l.idle)
	}
	l.cancel(errClosing)
	return true
}

func (l *life) wait(ctx context.Context) error {
	select {
	case <-l.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
