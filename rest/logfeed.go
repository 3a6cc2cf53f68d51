package rest

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

func logRoutes() []route {
	return []route{
		{method: "GET", pattern: "/_log", needs: admin, do: getLog, lasting: true},
		{method: "GET", pattern: "/_log/level", needs: admin, do: getLogLevel},
		{method: "PUT", pattern: "/_log/level", needs: admin, do: putLogLevel},
	}
}

// keptLog returns the log that the server keeps.
func (c *call) keptLog() (*Log, error) {
	if c.h.cfg.Log == nil {
		return nil, refuse(http.StatusNotImplemented, "this server keeps no log")
	}
	return c.h.cfg.Log, nil
}

// logLevel says until when debug records are kept.
type logLevel struct {
	Until *time.Time `json:"debug_until,omitempty"`
}

func getLogLevel(c *call) error {
	l, err := c.keptLog()
	if err != nil {
		return err
	}
	var answer logLevel
	if until := l.ring.debugging(); !until.IsZero() {
		answer.Until = &until
	}
	return c.answer(http.StatusOK, answer)
}

// longestDebug is for how long debug records are kept at most: they push others out.
const longestDebug = 60 // minutes

func putLogLevel(c *call) error {
	l, err := c.keptLog()
	if err != nil {
		return err
	}
	var wanted struct {
		Minutes *int `json:"minutes"`
	}
	if err := c.decode(&wanted); err != nil {
		return err
	}
	if wanted.Minutes == nil || *wanted.Minutes < 0 || *wanted.Minutes > longestDebug {
		return refuse(http.StatusBadRequest, "minutes has to be a number from 0 to %d", longestDebug)
	}
	l.ring.debugFor(time.Duration(*wanted.Minutes) * time.Minute)
	c.audit(auditAdmin, "debug_minutes", *wanted.Minutes)
	return getLogLevel(c)
}

// getLog streams the records that are kept, and then each one as it comes.
func getLog(c *call) error {
	kept, err := c.keptLog()
	if err != nil {
		return err
	}
	var lowest slog.Level
	if text := c.param("level"); text != "" {
		if err := lowest.UnmarshalText([]byte(text)); err != nil {
			return refuse(http.StatusBadRequest, "level is %.40q, want debug, info, warn or error", text)
		}
	}
	follow := true
	if c.has("follow") {
		if follow, err = c.flag("follow"); err != nil {
			return err
		}
	}
	header := c.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return nil
	}
	return c.followLog(kept, lowest, follow)
}

func (c *call) followLog(kept *Log, lowest slog.Level, follow bool) error {
	beat := time.NewTicker(accessInterval)
	defer beat.Stop()
	for number := uint64(0); ; {
		records, next, more := kept.ring.since(number)
		if err := c.writeLog(records, next-uint64(len(records)), lowest); err != nil || !follow {
			return nil //nolint:nilerr // the client has left
		}
		number = next
		select {
		case <-more:
		case <-beat.C:
			if !c.mayGoOn() || c.push([]byte(": \n\n")) != nil {
				return nil
			}
		case <-c.r.Context().Done():
			return nil
		}
	}
}

// writeLog writes records as events, and has them sent.
func (c *call) writeLog(records []logRecord, number uint64, lowest slog.Level) error {
	var events []byte
	for _, r := range records {
		if r.level >= lowest {
			text, err := marshal(r)
			if err != nil {
				return err
			}
			events = append(strconv.AppendUint(append(events, "id: "...), number, 10), "\nevent: log\ndata: "...)
			events = append(append(events, text...), '\n') // text ends its line
		}
		number++
	}
	return c.push(events)
}
