package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/tandemdb/tandem"
)

// serveMetrics serves the counts of a listener at http://ADDR/metrics, in the format of Prometheus,
// until stop is called. Without a host in addr it serves only this machine.
func serveMetrics(
	ctx context.Context, addr string, listener *tandem.URLEndpointListener,
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
	mux.Handle("/metrics", metrics{listener})
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
type metrics struct{ listener *tandem.URLEndpointListener }

// ServeHTTP implements [http.Handler].
func (m metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var page metricsPage
	page.collect(m.listener.Status(), m.listener.Statistics())
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
