/* next_due hint: arm = store deadline, then CAS-min the hint. tick = if now<hint return; swap(hint,FAR); scan; fire due; CAS-min the others.
   Must fail:
     -DSCANFIRST  tick computes the minimum first and stores it afterwards: a deadline armed meanwhile is lost */
#define N 2
#define FAR 9
byte hint=FAR; byte dl[N]=FAR; byte now=0; bool armed[N]; bool fired[N]; bool done=0;
inline minhint(x) { atomic { if :: x<hint -> hint=x :: else fi } }
proctype Arm(byte i) { byte d; d = now+1; dl[i]=d; armed[i]=1; minhint(d) }
proctype Clock() { do :: now<4 -> now++ :: else -> break od; done=1 }
inline tick() {
  if :: now < hint -> skip
     :: else ->
#ifdef SCANFIRST
        m=FAR; i=0;
        do :: i<N -> if :: dl[i]!=FAR && now>=dl[i] -> assert(now>=dl[i]); fired[i]=1; dl[i]=FAR :: dl[i]!=FAR && dl[i]<m -> m=dl[i] :: else fi; i++ :: else -> break od;
        hint=m
#else
        atomic { hint=FAR }; i=0;
        do :: i<N -> x=dl[i]; if :: x!=FAR && now>=x -> fired[i]=1; dl[i]=FAR :: x!=FAR && now<x -> minhint(x) :: else fi; i++ :: else -> break od
#endif
  fi }
/* two tickers: ISR and thread */
proctype Tick() { byte i,x,m; do :: done -> break :: tick() od }
init { byte i,x,m; atomic { run Arm(0); run Arm(1); run Clock(); run Tick(); run Tick() }; (_nr_pr==1); now=8; tick(); assert(fired[0] && fired[1]) }
