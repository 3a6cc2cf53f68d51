package rest

import (
	"net/http"
	"runtime"

	"golang.org/x/time/rate"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/throttle"
)

// gate is what requests pass before they reach an endpoint.
type gate struct {
	hosts       map[string]bool // the names of the server
	crossOrigin http.CrossOriginProtection
	guesses     *throttle.Throttle
	verified    verified
	sessions    sessions
	rates       rates
	feeds       seats // of lasting answers
	bulks       seats // of bulk requests
	queries     seats // of named queries
}

func (g *gate) open(cfg Configuration) {
	g.hosts = make(map[string]bool)
	for _, host := range cfg.Hosts {
		g.hosts[hostOf(host)] = true
	}
	g.guesses = throttleOf(cfg.Sync)
	g.rates = rates{perSecond: rate.Limit(cfg.Limits.RequestsPerSecond), burst: cfg.Limits.Burst}
	g.bulks = seats{all: maxBulks, each: maxBulksEach}
	g.queries = seats{all: queriesPerProcessor * runtime.GOMAXPROCS(0), each: cfg.Limits.QueriesPerUser}
	g.feeds = seats{all: cfg.Limits.Feeds, each: cfg.Limits.FeedsPerUser}
}

// throttleOf returns the throttle of a listener, so that wrong passwords count for both ports together,
// or one of our own.
func throttleOf(l *tandem.URLEndpointListener) *throttle.Throttle {
	if l != nil {
		if shared, ok := l.Handler().(interface{ Throttle() *throttle.Throttle }); ok {
			return shared.Throttle()
		}
	}
	return new(throttle.Throttle)
}
