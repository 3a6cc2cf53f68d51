package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem"
)

// serveMetrics serves the counts of a listener at http://ADDR/metrics, in the format of Prometheus,
// until stop is called. Without a host in addr it serves only this machine.
func serveMetrics(
	ctx context.Context, addr string, m metrics,
) (url string, stop func(), err error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", nil, usage("--metrics wants host:port or :port: %v", err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	socket, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return "", nil, withHint(fmt.Errorf("serve metrics at %s: %w", addr, err), "choose another address for --metrics")
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", m)
	mux.HandleFunc("/_ready", m.ready)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(socket) // ends with Shutdown
	}()
	return "http://" + socket.Addr().String() + "/metrics", func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(stopping)
		<-done
	}, nil
}

// metrics answers with the counts of a listener. It writes Prometheus's text format itself: the client
// library of Prometheus would be a tenth of the program, and run at each start.
type metrics struct {
	listener *tandem.URLEndpointListener
	dbs      []*tandem.Database
	leaving  *atomic.Bool // serve waits for peers to leave
}

// readyTime bounds the answer of a database that is ready.
const readyTime = 3 * time.Second

// ready answers 200 if new clients may come: 503 tells a load balancer that a database does not answer, or that the
// node is leaving.
func (m metrics) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if m.leaving.Load() {
		http.Error(w, "the node is leaving", http.StatusServiceUnavailable)
		return
	}
	for _, db := range m.dbs {
		if _, err := db.DefaultCollection(ctx); err != nil {
			http.Error(w, fmt.Sprintf("database %s does not answer", db.Name()), http.StatusServiceUnavailable)
			return
		}
	}
	_, _ = fmt.Fprintln(w, "ok")
}

// ServeHTTP implements [http.Handler].
func (m metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var page metricsPage
	page.collect(m.listener.Status(), m.listener.Statistics())
	page.nodes(m.dbs)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(page.text)
}

// metricsPage is a page of metrics.
type metricsPage struct{ text []byte }

// The types of metrics: one that goes up and down, and one that only goes up.
const (
	gauge   = "gauge"
	counter = "counter"
)

// add writes a metric that has one value.
func (p *metricsPage) add(kind, name, help string, value uint64) {
	p.describe(kind, name, help)
	p.text = fmt.Appendf(p.text, "tandem_%s %d\n", name, value)
}

// addSides writes a counter with a value for each direction.
func (p *metricsPage) addSides(name, help string, sent, received uint64) {
	p.describe(counter, name, help)
	p.text = fmt.Appendf(p.text, "tandem_%s{direction=\"received\"} %d\n", name, received)
	p.text = fmt.Appendf(p.text, "tandem_%s{direction=\"sent\"} %d\n", name, sent)
}

// nodes writes what nodes of shared databases do with their servers.
func (p *metricsPage) nodes(dbs []*tandem.Database) {
	metrics := []struct {
		kind, name, help string
		of               func(s tandem.NodeStatistics) uint64
	}{
		{gauge, "server_connections", "Connections to the database server.", func(s tandem.NodeStatistics) uint64 { return uint64(s.Connections) }},        //nolint:gosec // a count
		{gauge, "server_connections_busy", "Connections in use just now.", func(s tandem.NodeStatistics) uint64 { return uint64(s.BusyConnections) }},      //nolint:gosec // a count
		{gauge, "server_connections_max", "Connections that the pool may have.", func(s tandem.NodeStatistics) uint64 { return uint64(s.MaxConnections) }}, //nolint:gosec // a count
		{counter, "server_waits_total", "How often a connection was waited for.", func(s tandem.NodeStatistics) uint64 { return s.Waits }},
		{counter, "server_waited_milliseconds_total", "How long connections were waited for.", func(s tandem.NodeStatistics) uint64 { return uint64(s.Waited.Milliseconds()) }}, //nolint:gosec // a count
		{counter, "server_commits_total", "Commits of this node.", func(s tandem.NodeStatistics) uint64 { return s.Commits }},
		{gauge, "server_incarnation", "How often the server has lost commits, plus one.", func(s tandem.NodeStatistics) uint64 { return s.Incarnation }},
	}
	for _, m := range metrics {
		described := false
		for _, db := range dbs {
			s, ok := db.NodeStatistics()
			if !ok {
				continue
			}
			if !described {
				p.describe(m.kind, m.name, m.help)
				described = true
			}
			p.text = fmt.Appendf(p.text, "tandem_%s{database=%q} %d\n", m.name, db.Name(), m.of(s))
		}
	}
}

func (p *metricsPage) describe(kind, name, help string) {
	p.text = fmt.Appendf(p.text, "# HELP tandem_%s %s\n# TYPE tandem_%s %s\n", name, help, name, kind)
}

func (p *metricsPage) collect(status tandem.ConnectionStatus, total tandem.ListenerStatistics) {
	p.add(gauge, "connections", "Peers that are connected.", uint64(status.ConnectionCount))                         //nolint:gosec // a count
	p.add(gauge, "connections_active", "Peers that are replicating just now.", uint64(status.ActiveConnectionCount)) //nolint:gosec // a count
	p.add(counter, "connections_total", "Peers that were let in.", total.Connections)
	p.add(counter, "connection_errors_total", "Connections that ended without a goodbye.", total.Failures)

	all := total.Progress
	p.addSides("documents_total", "Documents that arrived.", all.Push.Documents, all.Pull.Documents)
	p.addSides("document_errors_total", "Documents that did not arrive.", all.Push.Failed, all.Pull.Failed)
	p.addSides("document_bytes_total", "Bytes of the bodies that arrived.", all.Push.Bytes, all.Pull.Bytes)
	p.addSides("wire_bytes_total", "Bytes on the connections, before TLS.", all.BytesSent, all.BytesReceived)
	p.addSides("deltas_total", "Documents that crossed the wire as deltas.", all.DeltasSent, all.DeltasReceived)
	p.add(counter, "delta_saved_bytes_total", "Bytes that deltas did not send.", all.DeltaSaved)
	p.addSides("blobs_total", "Blobs that crossed the wire.", all.BlobsSent, all.BlobsReceived)
	p.add(counter, "conflicts_total", "Conflicts that were resolved.", all.Conflicts)
}
