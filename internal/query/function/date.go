package function

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// date is a parsed date: its fields and its time zone.
type date struct {
	wall  time.Time      // the fields, as if in UTC
	zone  *time.Location // nil if the text has none
	timed bool           // only a time of day, on the first day of 2000
}

var (
	dayForm  = regexp.MustCompile(`^(-?\d{4})-(\d\d)-(\d\d)(?:(?:T| +)|$)`)
	hourForm = regexp.MustCompile(`^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:?\d\d)?$`)
)

// parseDate parses a date of ISO 8601, or a time of day.
func parseDate(s string) (d date, ok bool) {
	year, month, day, timed := 2000, 1, 1, true
	if m := dayForm.FindStringSubmatch(s); m != nil {
		year, month, day, timed = atoi(m[1]), atoi(m[2]), atoi(m[3]), false
		if s = s[len(m[0]):]; s == "" && isDigit(m[0][len(m[0])-1]) {
			return dateOf(year, month, day, nil)
		}
	}
	m := hourForm.FindStringSubmatch(s)
	if m == nil {
		return d, false
	}
	d, ok = dateOf(year, month, day, m)
	d.timed = timed
	return d, ok
}

// dateOf checks the fields of a date. clock has the parts of hourForm, or is nil.
func dateOf(year, month, day int, clock []string) (d date, ok bool) {
	if month < 1 || month > 12 || day < 1 || day > daysOf(year, month) {
		return d, false
	}
	hour, minute, second, nanos := 0, 0, 0, 0
	if clock != nil {
		hour, minute, second = atoi(clock[1]), atoi(clock[2]), atoi(clock[3])
		nanos = atoi((clock[4] + "000")[:3]) * int(time.Millisecond)
		if hour > 24 || minute > 59 || second > 59 {
			return d, false
		}
		if d.zone, ok = parseZone(clock[5]); !ok {
			return d, false
		}
	}
	d.wall = time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	return d, true
}

// parseZone parses Z, an offset of at most 14 hours, or "" for no zone.
func parseZone(s string) (zone *time.Location, ok bool) {
	switch s {
	case "":
		return nil, true
	case "Z":
		return time.UTC, true
	}
	digits := strings.Replace(s[1:], ":", "", 1)
	hours, minutes := atoi(digits[:2]), atoi(digits[2:])
	if hours > 14 || minutes > 59 {
		return nil, false
	}
	seconds := (hours*60 + minutes) * 60
	if s[0] == '-' {
		seconds = -seconds
	}
	return time.FixedZone("", seconds), true
}

func daysOf(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func atoi(s string) int {
	n, _ := strconv.Atoi(s) // digits, or "" for 0
	return n
}

// in returns d's point in time. A date without a zone is in local.
func (d date) in(local *time.Location) time.Time {
	zone := d.zone
	if zone == nil {
		zone = local
	}
	w := d.wall
	return time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), w.Nanosecond(), zone)
}

// layout is a format of dates.
type layout struct {
	day, clock bool
	between    string // between day and clock
	millis     bool   // always write milliseconds; otherwise only if they are not 0
	noMillis   bool   // never write milliseconds
	zone       bool
	colon      bool // inside the zone's offset
}

// defaultLayout is the layout of dates without a format.
var defaultLayout = layout{day: true, clock: true, between: "T", zone: true}

var (
	exampleForm = regexp.MustCompile(`^(\d{4}[-/]\d\d[-/]\d\d)?(?:(^|T| )\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?)\d\d)?)?$`)
	tokenForm   = regexp.MustCompile(`^(%F|%Y[-/]%m[-/]%d)?(?:(^|T| )(?:(%T)|%H:%M:%S)(%\.s|\.%s)?(%z|%Ez)?)?$`)
)

// parseLayout parses a format: an example date, or tokens with %. Other text gives the default.
func parseLayout(format string) layout {
	if m := exampleForm.FindStringSubmatch(format); format != "" && m != nil {
		l := layout{day: m[1] != "", clock: len(m[0]) > len(m[1]), between: m[2], millis: m[3] != "", zone: m[4] != "", colon: m[5] != ""}
		l.noMillis = !l.millis
		return l
	}
	if m := tokenForm.FindStringSubmatch(format); format != "" && m != nil {
		l := layout{day: m[1] != "", clock: len(m[0]) > len(m[1]), between: m[2], zone: m[5] != "", colon: m[5] == "%Ez"}
		l.millis = m[3] != "" || m[4] != ""
		l.noMillis = !l.millis
		return l
	}
	return defaultLayout
}

// format writes a point in time in its own zone.
func (l layout) format(t time.Time) string {
	var b strings.Builder
	if l.day {
		b.WriteString(t.Format("2006-01-02"))
	}
	if !l.clock {
		return b.String()
	}
	b.WriteString(l.between + t.Format("15:04:05"))
	if !l.noMillis && (l.millis || t.Nanosecond() >= int(time.Millisecond)) {
		b.WriteString(t.Format(".000"))
	}
	if _, offset := t.Zone(); l.zone && offset == 0 {
		b.WriteString("Z")
	} else if l.zone && l.colon {
		b.WriteString(t.Format("-07:00"))
	} else if l.zone {
		b.WriteString(t.Format("-0700"))
	}
	return b.String()
}
