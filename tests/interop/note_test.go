package interop

import (
	"encoding/base64"
	"fmt"
	"math/rand"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"filippo.io/torchwood"
	"witan.test/interop/peer"
)

// goAccepts tells whether Go's libraries find a checkpoint that the log signed.
func goAccepts(text string, verifier note.Verifier) bool {
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return false
	}
	_, err = torchwood.ParseCheckpoint(opened.Text)
	return err == nil
}

// oddNotes are ways to write down what the log signed, good ones and bad ones.
func oddNotes(text, line string) map[string]string {
	const unknown = "— other.example/key AAAAAAAAAAAAAAAA\n"
	many := func(count int) string { return text + "\n" + strings.Repeat(unknown, count) + line }
	body := strings.TrimSuffix(line, "\n")
	_, encoded, _ := strings.Cut(strings.TrimPrefix(body, "— "), " ")
	signature, _ := base64.StdEncoding.DecodeString(encoded)
	name := strings.TrimSuffix(body, encoded)
	return map[string]string{
		"as it is":               text + "\n" + line,
		"the line twice":         text + "\n" + line + line,
		"an unknown line before": text + "\n" + unknown + line,
		"an unknown line after":  text + "\n" + line + unknown,
		"99 unknown lines":       many(99),
		// Go takes 100 lines in all, Witan 128.
		"128 unknown lines":          many(128),
		"no newline at the end":      text + "\n" + body,
		"a blank line between":       text + "\n" + unknown + "\n" + line,
		"a blank line after":         text + "\n" + line + "\n",
		"two blank lines before":     text + "\n\n" + line,
		"no blank line":              text + line,
		"a line without dash":        text + "\n" + line + "other AAAAAAAA\n",
		"an ASCII dash":              text + "\n" + strings.Replace(line, "—", "-", 1),
		"an unknown name of plus":    text + "\n— a+b AAAAAAAAAAAA\n" + line,
		"an unknown name of nothing": text + "\n—  AAAAAAAAAAAA\n" + line,
		"an unknown line of 4 bytes": text + "\n— other AAAAAA==\n" + line,
		"an unknown line of 3 bytes": text + "\n— other AAAA\n" + line,
		"an unknown line of no key":  text + "\n— other\n" + line,
		"an unknown line of text":    text + "\n— other ????????\n" + line,
		"two blanks in the line":     text + "\n" + strings.Replace(line, name, name+" ", 1),
		"a blank at the line's end":  text + "\n" + body + " \n",
		"no padding":                 text + "\n" + strings.TrimRight(body, "=") + "\n",
		"URL-safe base64": text + "\n" + name + base64.URLEncoding.EncodeToString(signature) +
			"\n",
		"one byte more": text + "\n" + name +
			base64.StdEncoding.EncodeToString(append(signature, 0)) + "\n",
		"one byte less": text + "\n" + name +
			base64.StdEncoding.EncodeToString(signature[:len(signature)-1]) + "\n",
		"carriage returns":                 strings.ReplaceAll(text+"\n"+line, "\n", "\r\n"),
		"a carriage return":                text + "\n" + body + "\r\n",
		"an unknown name, UTF-8":           text + "\n— näme.example AAAAAAAAAAAA\n" + line,
		"an unknown name, no UTF":          text + "\n— n\xffme AAAAAAAAAAAA\n" + line,
		"an unknown name, control":         text + "\n— n\x01me AAAAAAAAAAAA\n" + line,
		"an unknown name, Unicode blank":   text + "\n— n\u2003me AAAAAAAAAAAA\n" + line,
		"an unknown key of the log's name": text + "\n" + name + "AAAAAAAAAAAAAAAA\n" + line,
	}
}

// A Witan witness takes the notes that Go takes, and no others, however they are bent.
func TestNotesLikeGo(t *testing.T) {
	t.Parallel()
	const size = 5
	log := newGoLog(t, "log.example/notes")
	log.grow(t, size)
	verifier, err := note.NewVerifier(log.vkey)
	must(t, err)
	w := startWitness(t, "witness.example/notes")
	addLog(t, w, log.vkey, log.signer.Name())
	judge := func(old int, text string) peer.Answer {
		t.Helper()
		got, err := peer.Post(w.URL+"/add-checkpoint", request(fmt.Sprint(old), nil, text))
		must(t, err)
		if got.Status == http.StatusTooManyRequests {
			t.Fatalf("faster than the witness lets one: %s", got.Body)
		}
		return got
	}
	good := log.checkpoint(t, size)
	if got := judge(0, good); got.Status != http.StatusOK {
		t.Fatalf("the good one: %d: %s", got.Status, got.Body)
	}
	compare := func(what, text string) {
		t.Helper()
		theirs := goAccepts(text, verifier)
		ours := judge(size, text)
		if (ours.Status == http.StatusOK) != theirs {
			t.Errorf("%s: Go accepts: %t, Witan answers %d: %s\n%q", what, theirs, ours.Status, ours.Body,
				text)
		}
	}
	_, line, _ := strings.Cut(good, "\n\n")
	for what, text := range oddNotes(log.text(t, size), line) {
		compare(what, text)
	}
	random := rand.New(rand.NewSource(1))
	for i := range 300 {
		changed := []byte(good)
		for range 1 + random.Intn(2) {
			at := random.Intn(len(changed))
			switch random.Intn(3) {
			case 0:
				changed[at] ^= byte(1 << random.Intn(8))
			case 1:
				changed = append(changed[:at], changed[at+1:]...)
			default:
				changed = append(changed[:at], append([]byte{changed[random.Intn(len(changed))]},
					changed[at:]...)...)
			}
		}
		compare(fmt.Sprintf("change %d", i), string(changed))
	}
}
