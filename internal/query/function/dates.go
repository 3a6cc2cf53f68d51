package function

import (
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/query/value"
)

var dates = []*Function{
	{Name: "str_to_millis", Least: 1, Most: 1, Local: true, call: func(env Env, args []value.Value) (value.Value, error) {
		d, ok := dateOfValue(args[0])
		if !ok || d.timed {
			return value.NullValue, nil
		}
		return value.OfInt(d.in(env.local()).UnixMilli()), nil
	}},
	converting("millis_to_str", 1, ofMillis, toLocal), converting("millis_to_utc", 1, ofMillis, toUTC),
	converting("millis_to_tz", 2, ofMillis, toOffset),
	converting("str_to_utc", 1, ofText, toUTC), converting("str_to_tz", 2, ofText, toOffset),
	lenient("date_diff_str", 3, 3, func(args []value.Value) value.Value {
		a, ok := dateOfValue(args[0])
		b, ok2 := dateOfValue(args[1])
		if !ok || !ok2 {
			return value.Value{}
		}
		return difference(a.wall, b.wall, args[2])
	}),
	lenient("date_diff_millis", 3, 3, func(args []value.Value) value.Value {
		a, ok := momentOf(args[0])
		b, ok2 := momentOf(args[1])
		if !ok || !ok2 {
			return value.Value{}
		}
		return difference(a, b, args[2])
	}),
	lenient("date_add_str", 3, 4, func(args []value.Value) value.Value {
		d, ok := dateOfValue(args[0])
		if !ok {
			return value.Value{}
		}
		return added(d.in(time.UTC), args, func(t time.Time) value.Value {
			return value.OfString(layoutOf(args, 3).format(t))
		})
	}),
	lenient("date_add_millis", 3, 3, func(args []value.Value) value.Value {
		t, ok := momentOf(args[0])
		if !ok {
			return value.Value{}
		}
		return added(t, args, func(t time.Time) value.Value { return value.OfInt(t.UnixMilli()) })
	}),
}

func (env Env) local() *time.Location {
	if env.Location == nil {
		return time.UTC
	}
	return env.Location
}

func dateOfValue(v value.Value) (date, bool) {
	if v.Kind() != value.String {
		return date{}, false
	}
	return parseDate(v.Text())
}

// maxMillis bounds points in time to years that a date can express.
const maxMillis = 8.64e15

func momentOf(v value.Value) (time.Time, bool) {
	if !v.IsNumber() || v.Float() > maxMillis || v.Float() < -maxMillis {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(v.Float())).UTC(), true
}

// converting returns a function that writes a point in time in some zone. format is the index of
// its argument for the layout.
func converting(name string, format int, from func(Env, value.Value) (time.Time, bool), to func(Env, time.Time, []value.Value) (time.Time, bool)) *Function {
	return &Function{Name: name, Least: format, Most: format + 1, Local: true, call: func(env Env, args []value.Value) (value.Value, error) {
		t, ok := from(env, args[0])
		if ok {
			t, ok = to(env, t, args)
		}
		if !ok {
			return value.NullValue, nil
		}
		return value.OfString(layoutOf(args, format).format(t)), nil
	}}
}

func layoutOf(args []value.Value, format int) layout {
	if len(args) > format && args[format].Kind() == value.String {
		return parseLayout(args[format].Text())
	}
	return defaultLayout
}

func ofMillis(_ Env, v value.Value) (time.Time, bool) { return momentOf(v) }

func ofText(env Env, v value.Value) (time.Time, bool) {
	d, ok := dateOfValue(v)
	if d.timed { // no day is known, and so no offset of a zone
		return d.in(time.UTC), ok
	}
	return d.in(env.local()), ok
}

func toLocal(env Env, t time.Time, _ []value.Value) (time.Time, bool) { return t.In(env.local()), true }
func toUTC(_ Env, t time.Time, _ []value.Value) (time.Time, bool)     { return t.UTC(), true }

func toOffset(_ Env, t time.Time, args []value.Value) (time.Time, bool) {
	const day = 24 * 60
	if !args[1].IsNumber() || args[1].Float() > day || args[1].Float() < -day {
		return t, false
	}
	return t.In(time.FixedZone("", int(args[1].Float())*60)), true
}

// The parts of dates, in milliseconds or in months.
var (
	spans  = map[string]int64{"millisecond": 1, "second": 1000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000, "week": 604_800_000}
	months = map[string]int64{"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200, "millennium": 12_000}
)

// difference returns a - b in whole parts. Parts longer than a day are counted by the fields of the
// dates, not by elapsed time.
func difference(a, b time.Time, part value.Value) value.Value {
	name := strings.ToLower(part.Text())
	days := dayNumber(a) - dayNumber(b)
	hours := days*24 + int64(a.Hour()-b.Hour())
	minutes := hours*60 + int64(a.Minute()-b.Minute())
	seconds := minutes*60 + int64(a.Second()-b.Second())
	switch name {
	case "millisecond":
		return value.OfInt(seconds*1000 + int64(a.Nanosecond()-b.Nanosecond())/1e6)
	case "second":
		return value.OfInt(seconds)
	case "minute":
		return value.OfInt(minutes)
	case "hour":
		return value.OfInt(hours)
	case "day":
		return value.OfInt(days)
	case "week":
		return value.OfInt(days / 7)
	case "month", "quarter":
		return value.OfInt((int64(a.Year()-b.Year())*12 + int64(a.Month()-b.Month())) / months[name])
	case "year", "decade", "century", "millennium":
		return value.OfInt(int64(a.Year()-b.Year()) * 12 / months[name])
	}
	return value.Value{}
}

func dayNumber(t time.Time) int64 {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86_400
}

// added returns t plus args[1] parts; args[2] names the part.
func added(t time.Time, args []value.Value, result func(time.Time) value.Value) value.Value {
	if !args[1].IsNumber() || args[1].Float() > maxMillis || args[1].Float() < -maxMillis {
		return value.Value{}
	}
	n := int64(args[1].Float())
	part := strings.ToLower(args[2].Text())
	if span, ok := spans[part]; ok {
		millis := float64(t.UnixMilli()) + float64(n)*float64(span)
		if millis > maxMillis || millis < -maxMillis {
			return value.Value{}
		}
		return result(time.UnixMilli(t.UnixMilli() + n*span).In(t.Location()))
	}
	count, ok := months[part]
	if !ok {
		return value.NullValue
	}
	if f := float64(n) * float64(count); f > maxMillis/2.6e9 || f < -maxMillis/2.6e9 {
		return value.Value{}
	}
	return result(t.AddDate(0, int(n*count), 0))
}
