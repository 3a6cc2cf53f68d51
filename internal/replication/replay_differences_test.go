package replication_test

import (
	"regexp"
)

// difference is where our side may say something else than the recorded one, and why.
type difference struct {
	conversation    string // regular expression of the recording's name
	passive         bool   // our role
	missing, beyond string // regular expressions of facts: recorded and not ours, ours and not recorded; "" for none
	why             string
}

// differences are all that are allowed. The prefix "makes" stands for a revision that our
// side makes itself, so that it must not be put into its database as recorded.
var differences = []difference{
	{
		conversation: "sg[34]-10-channels", passive: true,
		missing: "answers subChanges well|caught up|offers|sends",
		beyond:  "answers subChanges .*LiteCore/19",
		why:     "channels are Sync Gateway's; we refuse the filter as LiteCore does",
	},
	{
		conversation: "sg[34]-19-changed-while-asked", passive: true,
		missing: "(sends|withdraws) (edited|left|gone) ",
		beyond:  "sends (edited|left|gone) ",
		why:     "what was replaced before it could be sent is gone, and this client takes the replacement",
	},
	{
		conversation: "sgc-02b-", passive: true,
		missing: "answers subChanges .*LiteCore/501",
		beyond:  "answers subChanges well|caught up|offers|sends",
		why:     "over the fourth protocol a subscription without versioning means vectors, as for Sync Gateway",
	},
	{
		conversation: "sgc-02-", passive: true,
		missing: "answers proposeChanges (s1|s2|sgclient-0001) .*: 0",
		beyond:  "answers proposeChanges (s1|s2|sgclient-0001) .*: 304",
		why:     "of what is proposed again we say that we have it, as Sync Gateway does with trees only",
	},
	{
		conversation: "sgc-02-", passive: true,
		missing: "says proveAttachment",
		why:     "what we have, we need no proof of",
	},
	{
		conversation: "sgc-01-", passive: true,
		missing: "fetches .* compress=$", beyond: "fetches .* compress=true$",
		why: "without a content type we ask for compression, as Sync Gateway does and LiteCore does not",
	},
	{
		conversation: "sgc-01-",
		missing:      "fetches .* compress=$", beyond: "fetches .* compress=true$",
		why: "the same",
	},
	{
		conversation: "v3-34b-", passive: true,
		missing: "answers rev man-2 .* with LiteCore/8",
		beyond:  "answers rev man-2 .* with HTTP/422",
		why:     "a delta without its base is answered 422, so that the whole body comes; LiteCore refuses for good",
	},
	{
		conversation: "v[34]-34c-", passive: true,
		missing: "answers proposeChanges man-3 .*: 409, here is \"\"",
		beyond:  "answers proposeChanges man-3 .*: 0",
		why:     "the edit of a purged document is taken as new, as Sync Gateway does; refused, LiteCore drops it silently",
	},
	{
		conversation: "(sg[34]-03|sg[34]-12b|sg[34]-15b|v4-08)-",
		missing:      "has pulled up to",
		why:          "each choice of directions has checkpoints of its own, and this one has pulled nothing yet",
	},
	{
		conversation: "v3-34b-",
		missing:      "has pulled up to",
		why:          "the peer refuses an edit, and the pull brings nothing to explain that: it starts over",
	},
	{
		conversation: "sgc-",
		missing:      "proposes ",
		why:          "the test client proposes again what it has pushed",
	},
	{
		conversation: "sgc-",
		beyond:       "(proposes|sends) (b\\d|s2) |proposes s1 ",
		why:          "the second connection has checkpoints of its own, and offers what none of them vouches for",
	},
	{
		conversation: "sgc-02-",
		missing:      "sends (s1|s2|sgclient-0001) ",
		why:          "and sends it again",
	},
	{
		conversation: "v[34]-24-",
		beyond:       "(proposes|sends) m[12] ",
		why:          "what was resolved is pushed in the same run",
	},
	{
		conversation: "v4-24b-",
		missing:      "(makes|proposes|sends) m[12] ",
		why:          "it was pushed in the run before, as a version of our own",
	},
	{
		conversation: "v[34]-26-",
		beyond:       "(proposes|sends) k2 ",
		why:          "what was resolved is pushed in the same run",
	},
	{
		conversation: "v3-26b-",
		missing:      "(makes|proposes|sends) k2 ",
		why:          "the tombstone that has won was written as a child of the remote's revision, and pushed in the run before",
	},
	{
		conversation: "v3-34b-",
		beyond:       "proposes man-2 ",
		why:          "what the peer has refused, and announces an older revision of, is proposed once more",
	},
	{
		conversation: "v[34]-34c-",
		beyond:       "(proposes|sends) man-3 ",
		why:          "what the peer has purged is proposed again, as new",
	},
	{
		conversation: "(sg[34]-(03|12b)|v4-08|v[34]-(27|28|34)|v3-29c)-",
		beyond: "(proposes|sends|withdraws) (sg[34]-\\w+|t1|theirs|man-1|lazarus|phoenix|known|" +
			"[ab]\\d|manual|pic|note) ",
		why: "what the peer had, and no checkpoint of these directions vouches for, is offered again: it may have lost it",
	},
}

// mayDiffer returns which facts of a conversation may be missing, and which beyond.
func mayDiffer(conversation string, passive bool) (missing, beyond func(key string) bool) {
	var absent, added []*regexp.Regexp
	for _, d := range differences {
		if d.passive != passive || !regexp.MustCompile("^"+d.conversation).MatchString(conversation) {
			continue
		}
		if d.missing != "" {
			absent = append(absent, regexp.MustCompile("^("+d.missing+")"))
		}
		if d.beyond != "" {
			added = append(added, regexp.MustCompile("^("+d.beyond+")"))
		}
	}
	return matchAny(absent), matchAny(added)
}

func matchAny(facts []*regexp.Regexp) func(key string) bool {
	return func(key string) bool {
		for _, fact := range facts {
			if fact.MatchString(key) {
				return true
			}
		}
		return false
	}
}
