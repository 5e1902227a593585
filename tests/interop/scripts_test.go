package interop

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"witan.test/interop/peer"
)

// exchange is one request of a script, and what must come back.
type exchange struct {
	body   string
	status string
	answer string // the whole body, in quotes, or ""
}

var (
	exchangePattern = regexp.MustCompile(
		"(?ms)^POST \\S+/add-checkpoint\n```\n(.*?)```\nHTTP (\\d+)\n\\[Asserts\\]\nbody ([^\n]*)$")
	logPattern = regexp.MustCompile(
		`(?m)^exec witnessctl (add-sigsum-log|add-key) (?:-origin '([^']*)' )?-key[ =](\S+)$`)
)

// scriptLog is the vkey and origin that a script's witnessctl command adds.
func scriptLog(t *testing.T, command []string) (vkey, origin string) {
	t.Helper()
	if command[1] == "add-key" {
		return command[3], command[2]
	}
	return sigsumLog(t, command[3])
}

// sigsumLog is the vkey and origin of a Sigsum log, whose key is given in hex.
func sigsumLog(t *testing.T, hexKey string) (vkey, origin string) {
	t.Helper()
	key, err := hex.DecodeString(hexKey)
	must(t, err)
	origin = fmt.Sprintf("sigsum.org/v1/tree/%x", sha256.Sum256(key))
	vkey, err = note.NewEd25519VerifierKey(origin, ed25519.PublicKey(key))
	must(t, err)
	return vkey, origin
}

func scriptExchanges(script string) []exchange {
	var exchanges []exchange
	for _, found := range exchangePattern.FindAllStringSubmatch(script, -1) {
		e := exchange{body: found[1], status: found[2]}
		if quoted, isWhole := strings.CutPrefix(found[3], "== "); isWhole {
			e.answer = quoted
		}
		exchanges = append(exchanges, e)
	}
	return exchanges
}

// Where Witan answers something else than litewitness, and is right to: the last character of that
// signature has bits that no byte holds, so it is no base64 (RFC 4648, section 3.5), and the note is
// malformed rather than wrongly signed.
var otherAnswers = map[string]string{"litewitness.txt/1": "400"}

// torchwood's own scripts for its witness, a Sigsum log and Go's checksum database among them, are
// played to a Witan witness.
func TestTorchwoodScripts(t *testing.T) {
	t.Parallel()
	module, err := peer.Run("go", "list", "-m", "-f", "{{.Dir}}", "filippo.io/torchwood")
	must(t, err)
	scripts := filepath.Join(strings.TrimSpace(module), "cmd", "litewitness", "testdata")
	for name, count := range map[string]int{"litewitness.txt": 9, "sumdb.txt": 1} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(scripts, name))
			must(t, err)
			w := startWitness(t, "example.com/witness")
			logs := logPattern.FindAllStringSubmatch(string(text), -1)
			if len(logs) == 0 {
				t.Fatal("the script adds no log; has its form changed?")
			}
			vkey, origin := scriptLog(t, logs[0])
			addLog(t, w, vkey, origin)
			exchanges := scriptExchanges(string(text))
			if len(exchanges) != count {
				t.Fatalf("%d exchanges in the script, not %d", len(exchanges), count)
			}
			for i, e := range exchanges {
				got, err := peer.Post(w.URL+"/add-checkpoint", e.body)
				must(t, err)
				if other := otherAnswers[fmt.Sprintf("%s/%d", name, i)]; other != "" {
					e.status = other
				}
				if fmt.Sprint(got.Status) != e.status {
					t.Errorf("exchange %d: status %d, not %s: %s", i, got.Status, e.status, got.Body)
				}
				if e.answer != "" && fmt.Sprintf("%q", got.Body) != e.answer {
					t.Errorf("exchange %d: answer %q, not %s", i, got.Body, e.answer)
				}
				if got.Status == http.StatusOK &&
					!strings.HasPrefix(string(got.Body), "— example.com/witness ") {
					t.Errorf("exchange %d: not the witness's line: %q", i, got.Body)
				}
			}
		})
	}
}
