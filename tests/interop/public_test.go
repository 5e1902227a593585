package interop

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tdnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"witan.test/interop/peer"
)

// vector is a row of the index of other people's checkpoints.
type vector struct {
	File       string   `json:"file"`
	Origin     string   `json:"origin"`
	VKeys      []string `json:"vkeys"`
	Signatures []struct {
		Name      string `json:"name"`
		Algorithm int    `json:"alg"`
		Status    string `json:"status"`
	} `json:"signatures"`
}

const (
	algorithmECDSA     = 2
	algorithmCosigned  = 4
	checkpointsAtLeast = 20
)

// Real checkpoints: what Go's libraries find rightly signed, a Witan witness cosigns for each log
// key that signed, and not when its root was changed.
func TestPublicCheckpoints(t *testing.T) {
	t.Parallel()
	vectors := os.Getenv("WITAN_VECTORS")
	if vectors == "" {
		t.Skip("WITAN_VECTORS is not set: no real checkpoints are verified here")
	}
	dir := filepath.Join(vectors, "tlog", "checkpoints")
	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	must(t, err)
	var rows []vector
	must(t, json.Unmarshal(index, &rows))
	seen := map[string]int{}
	for _, row := range rows {
		text, err := os.ReadFile(filepath.Join(dir, row.File))
		must(t, err)
		verified := checkByGo(t, row, text)
		logs := logKeys(row)
		if row.Origin == "" || len(logs) == 0 {
			continue
		}
		seen[row.Origin]++
		// One witness for each: some are of the same log at other sizes, without proofs.
		w := startWitness(t, "witness.example/public")
		for _, key := range logs {
			addLog(t, w, key, row.Origin)
		}
		lines := strings.Split(string(text), "\n")
		lines[2] = emptyRoot
		if lines[1] != "0" {
			changed := request("0", nil, strings.Join(lines, "\n"))
			if got, err := peer.Post(w.URL+"/add-checkpoint", changed); err != nil ||
				got.Status != http.StatusForbidden {
				t.Errorf("%s with a changed root: %d: %s, %v", row.File, got.Status, got.Body, err)
			}
		}
		got, err := peer.Post(w.URL+"/add-checkpoint", request("0", nil, string(text)))
		must(t, err)
		if got.Status != http.StatusOK {
			t.Errorf("%s, %d lines verified by Go: Witan answers %d: %s", row.File, verified,
				got.Status, got.Body)
		}
		w.Stop()
	}
	cosigned := 0
	for _, count := range seen {
		cosigned += count
	}
	for _, origin := range []string{"go.sum database tree", "log2025-1.rekor.sigstore.dev",
		"transparency.dev/armored-witness/firmware_transparency/ci/3"} {
		if seen[origin] == 0 {
			t.Errorf("no checkpoint of %s among the vectors", origin)
		}
	}
	t.Logf("%d checkpoints of %d logs cosigned", cosigned, len(seen))
	if cosigned < checkpointsAtLeast {
		t.Errorf("only %d checkpoints were cosigned", cosigned)
	}
}

// logKeys are the keys with which a log signs: of Ed25519 or ECDSA.
func logKeys(row vector) []string {
	var keys []string
	for _, key := range row.VKeys {
		for _, line := range row.Signatures {
			if strings.HasPrefix(key, line.Name+"+") && line.Status == "valid" &&
				line.Algorithm <= algorithmECDSA {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// checkByGo opens the note with every key that Go's libraries know, and gives how many lines were
// right; each line of such a key has to be.
func checkByGo(t *testing.T, row vector, text []byte) int {
	t.Helper()
	var verifiers []note.Verifier
	for _, key := range row.VKeys {
		if verifier, err := tdnote.NewVerifier(key); err == nil {
			verifiers = append(verifiers, verifier)
		}
	}
	expected := 0
	for _, line := range row.Signatures {
		if line.Status == "valid" && line.Algorithm <= algorithmCosigned {
			expected++
		}
	}
	if expected == 0 || len(verifiers) == 0 {
		return 0
	}
	opened, err := note.Open(text, note.VerifierList(verifiers...))
	if err != nil {
		t.Errorf("%s: Go's note refuses: %v", row.File, err)
		return 0
	}
	if len(opened.Sigs) != expected {
		t.Errorf("%s: Go verifies %d lines, %d were expected", row.File, len(opened.Sigs), expected)
	}
	return len(opened.Sigs)
}

// A Sigsum log's head, out of a proof of its own format. Its key, of which the proof has the hash:
const sigsumKey = "dea4c37c360568e528b76bb67bf821a37ece0f3f46928603df006db4f08e9750"

func TestSigsumCheckpoint(t *testing.T) {
	t.Parallel()
	vectors := os.Getenv("WITAN_VECTORS")
	if vectors == "" {
		t.Skip("WITAN_VECTORS is not set: no Sigsum head is verified here")
	}
	text, err := os.ReadFile(filepath.Join(vectors, "tlog", "sigsum", "proof-3.txt"))
	must(t, err)
	values := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		name, value, _ := strings.Cut(line, "=")
		values[name] = value
	}
	vkey, origin := sigsumLog(t, sigsumKey)
	if origin != "sigsum.org/v1/tree/"+values["log"] {
		t.Fatalf("the proof is of log %s", values["log"])
	}
	verifier, err := note.NewVerifier(vkey)
	must(t, err)
	root, err := hex.DecodeString(values["root_hash"])
	must(t, err)
	signature, err := hex.DecodeString(values["signature"])
	must(t, err)
	checkpoint := fmt.Sprintf("%s\n%s\n%s\n\n— %s %s\n", origin, values["size"],
		base64.StdEncoding.EncodeToString(root), origin, base64.StdEncoding.EncodeToString(
			append(binary.BigEndian.AppendUint32(nil, verifier.KeyHash()), signature...)))
	if _, err := note.Open([]byte(checkpoint), note.VerifierList(verifier)); err != nil {
		t.Errorf("Go's note refuses Sigsum's head: %v\n%s", err, checkpoint)
	}
	w := startWitness(t, "witness.example/sigsum")
	addLog(t, w, vkey, origin)
	got, err := peer.Post(w.URL+"/add-checkpoint", request("0", nil, checkpoint))
	must(t, err)
	if got.Status != http.StatusOK {
		t.Errorf("Witan answers %d: %s", got.Status, got.Body)
	}
}
