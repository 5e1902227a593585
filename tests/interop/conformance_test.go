package interop

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"witan.test/interop/peer"
)

type step struct {
	what string
	body string
	// What C2SP tlog-witness wants, and what litewitness answers where that is something else.
	status, litewitness int
	answer              string // expected body, where the specification fixes it
}

// steps are sent one after the other: each relies on what those before it left behind.
func steps(t *testing.T, log *goLog) []step {
	stranger := newGoLog(t, log.signer.Name()) // the same name, another key
	stranger.grow(t, 20)
	unknown := newGoLog(t, "log.example/unknown")
	unknown.grow(t, 3)
	log.grow(t, 20)
	fork := &goLog{signer: log.signer}
	fork.add(t, []byte("fork"))
	fork.grow(t, 20)
	signed := func(from, to int64) string { return log.request(t, from, to) }
	with := func(old string, proof []tlog.Hash, size int64) string {
		return request(old, proof, log.checkpoint(t, size))
	}
	wrong := log.consistency(t, 5, 9)
	wrong[0][0] ^= 1
	both, err := note.Sign(&note.Note{Text: log.text(t, 9)}, stranger.signer, log.signer)
	must(t, err)
	spoilt := []byte(log.checkpoint(t, 9))
	if at := len(spoilt) - 5; spoilt[at] == 'A' {
		spoilt[at] = 'B'
	} else {
		spoilt[at] = 'A'
	}
	zero := log.sign(t, "log.example/conformance\n0\n"+tlog.Hash{1}.String()+"\n")
	const ok, bad, forbidden, unprocessable = 200, 400, 403, 422
	return []step{
		{"an unknown log", unknown.request(t, 0, 3), http.StatusNotFound, 0, ""},
		{"the right origin, another key", stranger.request(t, 0, 5), forbidden, 0, ""},
		{"size zero with another root", request("0", nil, zero), unprocessable, ok, ""},
		{"size zero", signed(0, 0), ok, 0, ""},
		{"old zero with a proof", with("0", log.consistency(t, 2, 5), 5), unprocessable, ok, ""},
		{"the first checkpoint", signed(0, 5), ok, -1, ""},
		{"the same again", signed(5, 5), ok, 0, ""},
		{"the same size, another root", fork.request(t, 5, 5), unprocessable, 0, ""},
		{"an old size too small", signed(3, 9), http.StatusConflict, 0, "5\n"},
		{"old zero, to learn the size", signed(0, 9), http.StatusConflict, 0, "5\n"},
		{"an old size above the checkpoint", with("9", nil, 5), bad, 0, ""},
		{"an unknown old size above that", with("12", nil, 9), bad, 0, ""},
		{"a proof with a changed hash", with("5", wrong, 9), unprocessable, 0, ""},
		{"no proof", with("5", nil, 9), unprocessable, 0, ""},
		{"a proof from another log", fork.request(t, 5, 9), unprocessable, 0, ""},
		{"a spoilt signature", request("5", log.consistency(t, 5, 9), string(spoilt)), forbidden, 0, ""},
		{"a leading zero", with("05", log.consistency(t, 5, 9), 9), bad, ok, ""},
		{"a plus sign", with("+9", log.consistency(t, 9, 12), 12), bad, ok, ""},
		{"64 proof lines", with("12", make([]tlog.Hash, 64), 13), bad, 0, ""},
		{"no old line", log.checkpoint(t, 9), bad, 0, ""},
		{"an empty body", "", bad, 0, ""},
		{"no signature lines", request("5", nil, log.text(t, 9)), bad, http.StatusInternalServerError,
			""},
		{"a note that is no checkpoint", request("5", nil, log.sign(t, "log.example/conformance\nx\n")),
			bad, http.StatusInternalServerError, ""},
		{"a key besides that nobody knows", request("5", log.consistency(t, 5, 9), string(both)), ok, -1,
			""},
		{"growth to a power of two", signed(9, 16), ok, -1, ""},
		{"a smaller tree", with("16", nil, 9), bad, 0, ""},
		{"growth", signed(16, 20), ok, -1, ""},
	}
}

// Witan answers what the specification says, and litewitness does wherever it keeps to it too.
// litewitness -1: it stands elsewhere, for it took a request before that it should not have.
func TestConformance(t *testing.T) {
	t.Parallel()
	log := newGoLog(t, "log.example/conformance")
	w := startWitness(t, "witness.example/conformance")
	addLog(t, w, log.vkey, log.signer.Name())
	lite := startLitewitness(t, "witness.example/lite", peer.KnownLog{
		Origin: log.signer.Name(), VKey: log.vkey, Root: emptyRoot})
	departures := 0
	for _, step := range steps(t, log) {
		got, err := peer.Post(w.URL+"/add-checkpoint", step.body)
		must(t, err)
		if got.Status != step.status {
			t.Errorf("%s: Witan answers %d, not %d: %s", step.what, got.Status, step.status, got.Body)
		}
		if step.answer != "" && string(got.Body) != step.answer {
			t.Errorf("%s: Witan answers %q, not %q", step.what, got.Body, step.answer)
		}
		conflict := got.Status == http.StatusConflict
		if conflict != strings.HasPrefix(got.Type, "text/x.tlog.size") {
			t.Errorf("%s: Witan answers %d with Content-Type %s", step.what, got.Status, got.Type)
		}
		theirs, err := peer.Post(lite.URL+"/add-checkpoint", step.body)
		must(t, err)
		expected := step.status
		if step.litewitness > 0 {
			departures++
			expected = step.litewitness
			t.Logf("litewitness departs: %s: %d, not %d", step.what, theirs.Status, step.status)
		}
		if step.litewitness >= 0 && theirs.Status != expected {
			t.Errorf("%s: litewitness answers %d, where %d was expected: %s", step.what,
				theirs.Status, expected, theirs.Body)
		}
	}
	t.Logf("litewitness departs from the specification in %d of %d answers", departures,
		len(steps(t, log)))
}
