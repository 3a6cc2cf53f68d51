package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// logView is what the view of the log shows.
type logView struct {
	Level   string
	Records []logRecord
	Debug   time.Time // until when debug records are kept; zero if they are not
}

type logRecord struct {
	Time  time.Time      `json:"time"`
	Level string         `json:"level"`
	Text  string         `json:"msg"`
	Attrs map[string]any `json:"attrs"`
}

// Details shows the attributes by their names.
func (r logRecord) Details() string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(r.Attrs)) {
		parts = append(parts, fmt.Sprintf("%s=%v", key, r.Attrs[key]))
	}
	return strings.Join(parts, " ")
}

// recordsShown bounds the records of the view.
const recordsShown = 200

func showLog(l *look) (any, error) {
	v := &logView{Level: levelOf(l.r)}
	lines, err := l.logLines(v.Level)
	if err != nil {
		return nil, err
	}
	var level struct {
		Until time.Time `json:"debug_until"`
	}
	if err := l.get(&level, "/_log/level"); err != nil {
		return nil, err
	}
	v.Debug = level.Until
	for _, line := range lines {
		var r logRecord
		if json.Unmarshal(line, &r) == nil {
			v.Records = append(v.Records, r)
		}
	}
	slices.Reverse(v.Records)
	v.Records = v.Records[:min(len(v.Records), recordsShown)]
	return v, nil
}

// keepDebug has the server keep debug records for some minutes, or no longer.
func keepDebug(l *look) (string, error) {
	minutes, err := strconv.Atoi(l.form.Get("minutes"))
	if err != nil {
		return "", &Problem{Status: http.StatusBadRequest, Reason: "this is no number of minutes", Hint: "write a number from 1 to 60"}
	}
	body := strconv.AppendInt([]byte(`{"minutes":`), int64(minutes), 10)
	if err := l.send(nil, Request{Method: http.MethodPut, Path: "/_log/level", Body: append(body, '}')}); err != nil {
		return "", err
	}
	if minutes == 0 {
		return "/_tandem/log", nil
	}
	return "/_tandem/log?level=debug", nil
}

// logMost bounds the log: a record has up to some kB.
const logMost = 32 << 20

// logLines returns the records that the server has kept, as lines of JSON, the oldest first.
func (v *Visit) logLines(level string) (lines [][]byte, err error) {
	answer := v.Ask(Request{Path: "/_log?" + url.Values{"follow": {"false"}, "level": {level}}.Encode(), Most: logMost})
	if p := answer.Problem(); p != nil {
		return nil, p
	}
	for line := range bytes.Lines(answer.Body) {
		if text, isData := bytes.CutPrefix(line, []byte("data: ")); isData {
			lines = append(lines, text)
		}
	}
	return lines, nil
}

// downloadLog answers the kept records as a file with a line of JSON for each.
func downloadLog(w http.ResponseWriter, r *http.Request, v Visit) {
	lines, err := v.logLines(levelOf(r))
	if err != nil {
		p := problemOf(err)
		http.Error(w, p.Reason, p.Status)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Content-Disposition", `attachment; filename="tandem-log-`+time.Now().UTC().Format("20060102-150405")+`.jsonl"`)
	_, _ = w.Write(bytes.Join(lines, nil)) // the client may be gone; each line has its end
}

// levelOf returns the least level of records to show.
func levelOf(r *http.Request) string {
	switch level := r.URL.Query().Get("level"); level {
	case "debug", "warn", "error":
		return level
	}
	return "info"
}
