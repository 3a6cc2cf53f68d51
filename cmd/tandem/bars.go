package main

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// barUnit says what a bar counts.
type barUnit int

const (
	ofDocuments barUnit = iota
	ofBytes
	ofParts  // of work; shown in percent
	unending // nobody knows how much there is: a sign of life with the time
)

// barInterval is how often a bar is set; telling it costs more than storing a document.
const barInterval = 50 * time.Millisecond

// drawsBars reports whether standard error is a terminal that can draw them.
func (a *app) drawsBars() bool { return a.screen != nil && os.Getenv("TERM") != "dumb" }

// withBar runs work. On a terminal a bar shows meanwhile what work tells by show: how much it has done
// of a total. The bar goes with the end of the work. show may be called from any goroutine.
func (a *app) withBar(name string, unit barUnit, work func(show func(done, total uint64)) error) error {
	if !a.drawsBars() {
		return work(func(uint64, uint64) {})
	}
	all := mpb.New(mpb.WithOutput(a.screen), mpb.WithWidth(60))
	b := newBar(all, name, unit, mpb.BarRemoveOnComplete())
	defer func() {
		b.Abort(true)
		all.Wait()
	}()
	var shown atomic.Int64 // when, in nanoseconds
	return work(func(done, total uint64) {
		now, last := time.Now().UnixNano(), shown.Load()
		if now-last >= int64(barInterval) && shown.CompareAndSwap(last, now) {
			setBar(b, done, total)
		}
	})
}

func newBar(all *mpb.Progress, name string, unit barUnit, options ...mpb.BarOption) *mpb.Bar {
	label := decor.Name(name, decor.WCSyncSpaceR)
	if unit == unending {
		options = append(options, mpb.PrependDecorators(label), mpb.AppendDecorators(decor.Elapsed(decor.ET_STYLE_GO)))
		return all.New(0, mpb.SpinnerStyle().PositionLeft(), options...)
	}
	options = append(options, mpb.PrependDecorators(label), mpb.AppendDecorators(decorators(unit)...))
	return all.AddBar(0, options...)
}

// decorators tell how much is done of how much, how fast, and how long the rest will take.
func decorators(unit barUnit) []decor.Decorator {
	left, word := decor.AverageETA(decor.ET_STYLE_GO), decor.Name(" left")
	switch unit {
	case ofBytes:
		return []decor.Decorator{decor.CountersKiloByte("% .1f of % .1f, "), decor.AverageSpeed(decor.SizeB1000(0), "% .1f, "), left, word}
	case ofDocuments:
		return []decor.Decorator{decor.CountersNoUnit("%d of %d, "), decor.AverageSpeed(0, "%.0f/s, "), left, word}
	case ofParts, unending:
	}
	return []decor.Decorator{decor.Percentage(), decor.Name(", "), left, word}
}

func setBar(b *mpb.Bar, done, total uint64) {
	b.SetTotal(int64(total), false)
	b.SetCurrent(int64(done))
}

// countingReader tells how many bytes were read.
type countingReader struct {
	io.Reader
	read uint64
	tell func(read uint64)
}

// Read implements [io.Reader].
func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.read += uint64(n)
	r.tell(r.read)
	return n, err
}

// sizeOf returns the size of what in reads if it is a regular file, otherwise false.
func sizeOf(in io.Reader) (uint64, bool) {
	file, ok := in.(*os.File)
	if !ok {
		return 0, false
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return uint64(info.Size()), true
}
