package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// logView is what the view of the log shows.
type logView struct {
	Level   string
	Records []logRecord
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
	case "warn", "error":
		return level
	}
	return "info"
}
