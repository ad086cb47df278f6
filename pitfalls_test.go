package mirrorgw_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pitfalls names, for each pitfall of the protocol, the transcripts and tests that fail when the relay falls into it: those of
// forwarder/pop3, or of the packages in the folders before them. P41 and P43 are about engines.
const pitfalls = `
P01  multi-line by command and arguments         p01-multiline p01-unknown p08-capa p12-auth-list FuzzClientCommands
P02  the end, wherever it is cut                 p02-terminator p07-end-cut FuzzFramer FuzzServerReplyDelivered
P03  stuffed once                                p03-stuffing p14-unstuffed p26-top-lines p27-too-large-tag p28-drip p33-notice TestSpoolFillsUp FuzzFramer FuzzStuffed
P04  bare LF                                     p04-lf-only p04-lf-body p04-lf-mixed p04-lf-commands p04-cr-dot p26-top-lines
P05  8-bit, NUL, lone CR                         p05-octets p05-commands p04-lf-body TestParse FuzzParse
P06  huge lines                                  p06-long-line session-long-status session-long-command TestOneLineOf100MB TestCommandLengths TestStatusLengths
P07  truncated mail                              p07-truncated p07-end-cut p27-too-large-tag TestServerFailsWithinMessage
P08  CAPA filtered in its own reply only         p08-capa session-long-capa p01-multiline
P09  what is dropped of CAPA                     p08-capa p09-capa-pass p12-auth-list
P10  refused in order                            p10-in-order p10-top FuzzClientCommands
P11  APOP's greeting                             p11-apop p11-greeting-err p11-names-after-login released-apop released-late-pass
P12  SASL                                        p12-auth p12-auth-list p12-auth-login p12-auth-names p38-sasl session-bad-sasl TestChallengesAreBounded TestCommandLengths TestSecretsStayOut
P13  STLS                                        p13-stls-hide p13-stls-pass p13-stls-refused p13-stls-inject-client p13-stls-inject-server TestRunningUnread
P14  judged un-stuffed                           p14-unstuffed p02-terminator FuzzFramer FuzzStuffed
P15  UTF8 and LANG                               p15-utf8 p08-capa
P16  response codes                              p16-resp-codes p16-no-codes p16-forgotten
P17  one queue                                   p17-order TestRepliesLeaveBeforeJudgement TestPipeliningIsBounded
P18  pipelined without leave                     p18-pipeline p18-dele-quit p18-bad-behind-login p39-early-commands
P19  QUIT                                        p19-quit p19-quit-half-close p19-no-quit session-after-quit released-quit-no-wait TestServerFailsWithinMessage TestClientGoneWithinRetrieval
P20  RSET, and DELE's reply                      p20-rset p20-rset-withheld p20-dele-refused p31-dele-withheld released-rset released-rset-refused
P21  the server's session ends with the client   p21-client-gone p16-resp-codes TestClientGoneEndsJudgement TestClientGoneWithinRetrieval TestClientGoneWithinDelivery
P22  the server is kept alive                    p22-keep-alive p22-local-behind p22-noop-unanswered p22-within-body p22-not-before-login p22-server-gone TestServerIsKeptAliveDuringReleasedMail
P23  the octets in RETR's +OK                    p23-replace p24-sizes p25-tag p26-top-lines p28-drip g6-edit g6-edit-pad
P24  LIST and RETR agree                         p24-sizes p24-unpadded p24-pad p24-pad-short p24-pad-drip p28-drip p30-uidl g6-edit-pad i3-mark-pad TestPadding
P25  nothing is put into clean mail              p24-sizes p25-tag p28-drip p28-wait g6-edit
P26  TOP                                         p26-top-zero p26-top-zero-body p26-top-lines p26-top-notice p26-top-first p26-top-tagged p10-top p20-rset TestNoticesAreBounded FuzzCutter TestFieldsOnly
P27  no -ERR once +OK is out                     p27-drip-retry p27-drip-silent p27-too-large p27-too-large-tag p27-too-large-cut p28-replace
P28  drip whole fields                           p28-drip p28-wait p28-long-field p28-replace p24-pad-drip FuzzTraceField TestTraceField TestWaitLinesAreBounded TestNoticeGoesOnFromWhatHasLeft TestSlowMessageIsHeardOf
P29  one budget                                  p29-budget p29-budget-judge p29-next TestBudgetIsHalfAnHour TestEarly TestSlowMessageIsHeardOf scanner TestTookIsTheClientsWait
P30  UIDL                                        p30-uidl
P31  DELE of infected mail                       p31-dele p31-dele-several p31-dele-withheld TestManyWithheld
P32  always something complete                   p32-retry p23-replace scanner TestEscalation TestOnlyRefusalsEscalate
P33  a notice is a mail                          p33-notice TestNoticeSaysNothingTwice scanner/notice TestNotice TestNoticeForAMailThatSaysNothing TestTemplateThatFailsLater FuzzCompose
P34  a verdict is of a content                   p34-judged-anew scanner TestSameContentIsJudgedOnce TestOtherContentIsJudgedAnew TestOnlyFactsAreRemembered TestVerdictsAreForgotten TestCacheIsBounded TestExplain
P35  LAST, LOGIN-DELAY, EXPIRE, XTND             p35-last-xtnd p35-capabilities p08-capa
P36  dial first                                  stack TestRefusedServerLooksRefused TestSilentServerLooksSilent
P37  FIN and RST travel                          p37-half-close p37-half-close-retr p37-reset-client p37-reset-server TestOverTCP TestClientEndsWhileTheServerIsWaitedFor
P38  times before and after login                p38-autologout p38-login p38-login-total p38-login-server p38-command p38-sasl TestTimesOfTheClient TestSlowClients TestNewRefuses TestTimesAreMonotonic
P39  not POP3                                    p39-server p39-server-short p39-silent p39-client p39-server-pass p39-silent-pass p39-client-pass p39-early-commands p15-utf8 TestSilentServers TestTimeToGreet TestRunningUnread
P40  a client that takes nothing                 p40-silent p40-slow-message p27-too-large TestStalledClient TestPipeliningIsBounded TestSpoolFails TestSpoolFillsUp TestSlowMessageIsHeardOf
P42  the mail alone is judged                    p42-prefix p02-terminator TestEarly
`

// A pitfall without a test, or with one that is not there, is one that the relay may fall into.
func TestEveryPitfallHasItsTest(t *testing.T) {
	const relay = "forwarder/pop3"
	seen := checkRows(t, pitfalls, relay)
	for i := 1; i <= 42; i++ {
		if row := fmt.Sprintf("P%02d", i); !seen[row] && i != 41 {
			t.Errorf("row %s is missing", row)
		}
	}
	all := strings.Fields(pitfalls)
	for name := range testsIn(t, relay) {
		if strings.HasPrefix(name, "p") && !slices.Contains(all, name) {
			t.Errorf("no row names %s", name)
		}
	}
}
