package bench

import "time"

// Report is the result of a run.
type Report struct {
	Date       time.Time `json:"date"`
	System     string    `json:"system"` // as "linux/amd64"
	Processors int       `json:"processors"`
	Go         string    `json:"go"`
	Version    string    `json:"version"` // of this module
	Results    []Result  `json:"results"`
}

// Result is one measurement. A field that is zero or nil is unknown or does not apply.
type Result struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"` // "docs/s", "MB/s", "ms", "kB", "MB" or "%"
	Value float64 `json:"value"`

	// Runs are the values of which Value is the median.
	Runs []float64 `json:"runs,omitempty"`

	// P99 is the time that 99 % of all stay below.
	P99 float64 `json:"p99,omitempty"`

	// OfLimit is the rate in percent of SQLite's own rate with documents of the same size.
	OfLimit float64 `json:"ofLimit,omitempty"`

	// LiteCore is the figure of Couchbase's library for the same, on a machine with two
	// processors.
	LiteCore string `json:"liteCore,omitempty"`

	// Goal is the value to reach.
	Goal *goal `json:"goal,omitempty"`

	// Server and Client are the resources that the two processes used. A single process counts as
	// Client.
	Server *Cost `json:"server,omitempty"`
	Client *Cost `json:"client,omitempty"`

	// Samples show the course of the last run, Tenths the rate of each tenth of the documents.
	Samples []sample  `json:"samples,omitempty"`
	Tenths  []float64 `json:"tenths,omitempty"`
}

// Reached reports whether the goal is reached. Without a goal it is true.
func (r Result) Reached() bool {
	switch {
	case r.Goal == nil:
		return true
	case r.Goal.Most:
		return r.Value <= r.Goal.Value
	default:
		return r.Value >= r.Goal.Value
	}
}

// goal is a value to reach: the least, or the most.
type goal struct {
	Value float64 `json:"value"`
	Most  bool    `json:"most"`
}

func atLeast(value float64) *goal { return &goal{Value: value} }
func atMost(value float64) *goal  { return &goal{Value: value, Most: true} }

// Cost holds the resources that a process used, in all and, where documents were counted, per
// document.
type Cost struct {
	Usage
	AllocationsPerDocument float64 `json:"allocationsPerDocument,omitempty"`
	BytesPerDocument       float64 `json:"bytesPerDocument,omitempty"`
	MicrosPerDocument      float64 `json:"microsPerDocument,omitempty"` // of processor time
}

func costPer(u Usage, documents int) *Cost {
	c := &Cost{Usage: u}
	if documents > 0 {
		c.AllocationsPerDocument = float64(u.Allocations) / float64(documents)
		c.BytesPerDocument = float64(u.AllocatedBytes) / float64(documents)
		c.MicrosPerDocument = u.CPUSeconds * 1e6 / float64(documents)
	}
	return c
}

const perSecond = "docs/s"

func (r *Report) add(result Result) { r.Results = append(r.Results, result) }

// addTimes adds the median of some times in milliseconds, which should be at most goal.
func (r *Report) addTimes(name string, times []float64, liteCore string, most float64) {
	if len(times) == 0 {
		return
	}
	r.add(Result{
		Name: name, Unit: "ms", Value: median(times), P99: quantile(times, 0.99),
		LiteCore: liteCore, Goal: atMost(most),
	})
}

func percent(part, whole float64) float64 { return 100 * part / max(whole, 1e-9) }
