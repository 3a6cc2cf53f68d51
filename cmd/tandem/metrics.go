package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

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
	registry := prometheus.NewRegistry()
	if err := registry.Register(metrics{listener}); err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
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

// metrics collects the counts of a listener.
type metrics struct{ listener *tandem.URLEndpointListener }

var (
	connectedMetric   = describeMetric("connections", "Peers that are connected.")
	activeMetric      = describeMetric("connections_active", "Peers that are replicating just now.")
	acceptedMetric    = describeMetric("connections_total", "Peers that were let in.")
	errorsMetric      = describeMetric("connection_errors_total", "Connections that ended without a goodbye.")
	documentsMetric   = describeMetric("documents_total", "Documents that arrived.", "direction")
	documentErrMetric = describeMetric("document_errors_total", "Documents that did not arrive.", "direction")
	bodyBytesMetric   = describeMetric("document_bytes_total", "Bytes of the bodies that arrived.", "direction")
	wireBytesMetric   = describeMetric("wire_bytes_total", "Bytes on the connections, before TLS.", "direction")
	deltasMetric      = describeMetric("deltas_total", "Documents that crossed the wire as deltas.", "direction")
	deltaSavedMetric  = describeMetric("delta_saved_bytes_total", "Bytes that deltas did not send.")
	blobsMetric       = describeMetric("blobs_total", "Blobs that crossed the wire.", "direction")
	conflictsMetric   = describeMetric("conflicts_total", "Conflicts that were resolved.")
)

func describeMetric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tandem_"+name, help, labels, nil)
}

// Describe implements [prometheus.Collector].
func (m metrics) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, out) }

// Collect implements [prometheus.Collector].
func (m metrics) Collect(out chan<- prometheus.Metric) {
	status, total := m.listener.Status(), m.listener.Statistics()
	gauge := func(d *prometheus.Desc, n int) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge(connectedMetric, status.ConnectionCount)
	gauge(activeMetric, status.ActiveConnectionCount)
	counter(acceptedMetric, total.Connections)
	counter(errorsMetric, total.Failures)

	p := total.Progress
	for direction, d := range map[string]tandem.DirectionProgress{"sent": p.Push, "received": p.Pull} {
		counter(documentsMetric, d.Documents, direction)
		counter(documentErrMetric, d.Failed, direction)
		counter(bodyBytesMetric, d.Bytes, direction)
	}
	counter(wireBytesMetric, p.BytesSent, "sent")
	counter(wireBytesMetric, p.BytesReceived, "received")
	counter(deltasMetric, p.DeltasSent, "sent")
	counter(deltasMetric, p.DeltasReceived, "received")
	counter(deltaSavedMetric, p.DeltaSaved)
	counter(blobsMetric, p.BlobsSent, "sent")
	counter(blobsMetric, p.BlobsReceived, "received")
	counter(conflictsMetric, p.Conflicts)
}
