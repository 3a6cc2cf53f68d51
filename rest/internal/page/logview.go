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
	answer := l.Ask(Request{Path: "/_log?" + url.Values{"follow": {"false"}, "level": {v.Level}}.Encode(), Most: 16 << 20})
	if p := answer.Problem(); p != nil {
		return nil, p
	}
	for line := range bytes.Lines(answer.Body) {
		if text, isData := bytes.CutPrefix(line, []byte("data: ")); isData {
			var r logRecord
			if json.Unmarshal(text, &r) == nil {
				v.Records = append(v.Records, r)
			}
		}
	}
	slices.Reverse(v.Records)
	v.Records = v.Records[:min(len(v.Records), recordsShown)]
	return v, nil
}

// levelOf returns the least level of records to show.
func levelOf(r *http.Request) string {
	switch level := r.URL.Query().Get("level"); level {
	case "warn", "error":
		return level
	}
	return "info"
}
