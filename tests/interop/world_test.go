// Package interop runs Witan against programs and libraries that others wrote: `./dev interop`.
package interop

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"filippo.io/torchwood"
	"witan.test/interop/peer"
)

var witan, peers string

func TestMain(m *testing.M) {
	witan, peers = os.Getenv("WITAN_PROGRAM"), os.Getenv("WITAN_PEERS")
	if witan == "" || peers == "" {
		fmt.Fprintln(os.Stderr, "run this by ./dev interop, which builds and names the programs")
		os.Exit(2)
	}
	code := m.Run()
	stopFilledNode()
	os.Exit(code)
}

func tool(name string) string { return filepath.Join(peers, name) }

// must ends the test when something that has to work did not.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// folder is a new folder of a short name: sockets need that.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "interop")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// await asks until something has happened.
func await(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(peer.Patience); !happened(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("within %v not seen: %s", peer.Patience, what)
		}
	}
}

// showLogs prints, when the test failed, what the programs printed.
func showLogs(t *testing.T, process func() *peer.Process) {
	t.Cleanup(func() {
		if t.Failed() && process() != nil {
			t.Logf("process %d printed:\n%s", process().PID(), process().Printed())
		}
	})
}

func startWitness(t *testing.T, name string) *peer.Witan {
	t.Helper()
	w, err := peer.MakeWitness(witan, folder(t), name)
	must(t, err)
	showLogs(t, func() *peer.Process { return w.Process })
	must(t, w.Start())
	t.Cleanup(func() { w.Stop() })
	return w
}

func addLog(t *testing.T, w *peer.Witan, vkey, origin string) {
	t.Helper()
	_, err := w.Verb("witness", "add-log", vkey, "--origin", origin)
	must(t, err)
}

func startLitewitness(t *testing.T, name string, logs ...peer.KnownLog) *peer.Litewitness {
	t.Helper()
	w, err := peer.MakeLitewitness(tool("litewitness"), folder(t), name, logs)
	must(t, err)
	showLogs(t, func() *peer.Process { return w.Process })
	must(t, w.Start())
	t.Cleanup(w.Close)
	return w
}

// startOmniwitness gives nothing where that could not be built.
func startOmniwitness(t *testing.T, name, logVKey, origin string) *peer.Omniwitness {
	t.Helper()
	if _, err := os.Stat(tool("omniwitness")); err != nil {
		t.Log("without omniwitness, which wants Go 1.25")
		return nil
	}
	w, err := peer.StartOmniwitness(peers, folder(t), name, logVKey, origin)
	must(t, err)
	showLogs(t, func() *peer.Process { return w.Process })
	t.Cleanup(w.Stop)
	return w
}

// makeNode makes a node that its test configures and starts.
func makeNode(t *testing.T, origin string) *peer.Node {
	t.Helper()
	n, err := peer.MakeNode(witan, folder(t), origin)
	must(t, err)
	showLogs(t, func() *peer.Process { return n.Process })
	t.Cleanup(func() {
		if n.Process != nil {
			n.Stop()
		}
	})
	return n
}

// emptyRoot is the root of a log without entries.
var emptyRoot = func() string {
	hash := sha256.Sum256(nil)
	return base64.StdEncoding.EncodeToString(hash[:])
}()

// goLog is a log of x/mod/sumdb: its notes, its tree, its proofs.
type goLog struct {
	signer  note.Signer
	skey    string
	vkey    string
	entries [][]byte
	hashes  []tlog.Hash
}

func newGoLog(t *testing.T, name string) *goLog {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, name)
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	return &goLog{signer: signer, skey: skey, vkey: vkey}
}

func (l *goLog) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, index := range indexes {
			hashes = append(hashes, l.hashes[index])
		}
		return hashes, nil
	})
}

func (l *goLog) add(t *testing.T, entry []byte) {
	t.Helper()
	hashes, err := tlog.StoredHashes(int64(len(l.entries)), entry, l.reader())
	must(t, err)
	l.entries = append(l.entries, entry)
	l.hashes = append(l.hashes, hashes...)
}

func (l *goLog) grow(t *testing.T, size int64) {
	t.Helper()
	for int64(len(l.entries)) < size {
		l.add(t, fmt.Appendf(nil, "entry %d", len(l.entries)))
	}
}

func (l *goLog) root(t *testing.T, size int64) tlog.Hash {
	t.Helper()
	root, err := tlog.TreeHash(size, l.reader())
	must(t, err)
	return root
}

func (l *goLog) text(t *testing.T, size int64) string {
	t.Helper()
	return torchwood.Checkpoint{Origin: l.signer.Name(),
		Tree: tlog.Tree{N: size, Hash: l.root(t, size)}}.String()
}

func (l *goLog) sign(t *testing.T, text string) string {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, l.signer)
	must(t, err)
	return string(signed)
}

func (l *goLog) checkpoint(t *testing.T, size int64) string { return l.sign(t, l.text(t, size)) }

func (l *goLog) consistency(t *testing.T, from, to int64) []tlog.Hash {
	t.Helper()
	if from == 0 || from == to {
		return nil
	}
	proof, err := tlog.ProveTree(to, from, l.reader())
	must(t, err)
	return proof
}

// request is the body of an add-checkpoint.
func request(old string, proof []tlog.Hash, checkpoint string) string {
	var body bytes.Buffer
	fmt.Fprintf(&body, "old %s\n", old)
	for _, hash := range proof {
		fmt.Fprintln(&body, hash)
	}
	return body.String() + "\n" + checkpoint
}

func (l *goLog) request(t *testing.T, from, to int64) string {
	t.Helper()
	return request(fmt.Sprint(from), l.consistency(t, from, to), l.checkpoint(t, to))
}

// policyText is a policy that wants every witness; of each a name, a vkey and a URL.
func policyText(log string, witnesses ...[3]string) string {
	var text, names strings.Builder
	fmt.Fprintln(&text, "log", log)
	for _, w := range witnesses {
		fmt.Fprintln(&text, "witness", w[0], w[1], w[2])
		fmt.Fprintf(&names, " %s", w[0])
	}
	fmt.Fprintf(&text, "group everybody all%s\nquorum everybody\n", &names)
	return text.String()
}
