# Completion of archdsl for bash, 3.2 and later: `eval "$(archdsl completion bash)"` in ~/.bashrc,
# or this file among those that bash-completion loads, as `archdsl`.

_archdsl() {
    local IFS=$'\n' cur prev before= command word words= spec=
    command=${COMP_WORDS[1]}
    cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [[ $cur == = ]]; then  # `=` is a word of its own: `--format=json` is three
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
        [[ $COMP_CWORD -gt 3 ]] && before=${COMP_WORDS[COMP_CWORD - 3]}
    fi
    [[ $before == --set* || ( ${COMP_WORDS[COMP_CWORD]} == = && $prev != -* ) ]] && return
    for word in "${COMP_WORDS[@]:2:COMP_CWORD - 2}"; do
        [[ $word == *.arch ]] && spec=$word
    done

    if (( COMP_CWORD == 1 )); then
        words="compile params sweep fit table deploy inspect match diff check fmt report explain completion --help --version"
    elif [[ $command == @(params|sweep|fit|inspect|report|diff) && $prev == --format ]]; then
        words="text json markdown latex csv"
    elif [[ $command == table && $prev == --format ]]; then
        words="text markdown latex html"
    elif [[ $command == check && $prev == --format ]]; then
        words="text json github sarif"
    elif [[ $prev == --format ]]; then
        words="text json"
    elif [[ $prev == --by ]]; then
        words="part block layer"
        [[ $command == params ]] && words+=" phase"
    elif [[ $prev == --set || $prev == --set-old || $prev == --set-new ]]; then
        [[ -n $spec ]] && words=$("${COMP_WORDS[0]}" completion --arguments "$spec" 2>/dev/null)
        compopt -o nospace 2>/dev/null
    elif [[ $prev == --precision ]]; then
        words="float32 bfloat16"
    elif [[ $prev == --device ]]; then
        words="a100 h100 h200 l4"
    elif [[ $command == params && $prev == --columns ]]; then
        words="kind output blocks parameters learned frozen unshared buffers convolutions macs"
        words+=" deployed_bits activations memory reads writes intensity time receptive stride offset"
    elif [[ $prev == --sort || $prev == --columns ]]; then
        words="parameters macs learned frozen unshared buffers convolutions training_macs deployed_bits activations memory"
    elif [[ $prev == --vary || $prev == --symbolic ]]; then
        [[ -n $spec ]] && words=$("${COMP_WORDS[0]}" completion --arguments "$spec" 2>/dev/null | tr -d =)
    elif [[ $prev == --name || $prev == --layer || $prev == --phase || $prev == --where || $prev == --top ||
        $prev == --match-set || $prev == --within || $prev == --parameters || $prev == --macs ||
        $prev == --deployed-bits || $prev == --memory || $prev == --batch ]]; then
        return
    elif [[ $prev == --plot || $prev == --map || $prev == --published ]]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$cur"))
        return
    elif [[ $prev == --out || ( $command == report && $cur != -* ) ]]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -d -- "$cur"))
        return
    elif [[ $cur == -* ]]; then
        case $command in
            compile) words="--set --out --name --check --format --help" ;;
            params)
                words="--set --by --symbolic --phase --tensors --columns --batch --precision --device"
                words+=" --format --help"
                ;;
            sweep) words="--set --where --columns --batch --sort --reverse --top --front --plot --format --help" ;;
            fit) words="--set --vary --match --match-set --columns --parameters --macs --memory --deployed-bits --batch --within --top --format --help" ;;
            table) words="--set --symbolic --format --help" ;;
            deploy) words="--set --phase --out --name --format --help" ;;
            match) words="--set --phase --map --format --help" ;;
            inspect) words="--set --phase --layer --plot --format --help" ;;
            diff)
                words="--set --set-old --set-new --by --exit-code --git --textconv --format --help"
                ;;
            check) words="--format --help" ;;
            report) words="--published --plot --responses --format --help" ;;
            fmt) words="--check --help" ;;
            completion) words="--arguments --help" ;;
            *) words="--help" ;;
        esac
    elif [[ $command == explain ]]; then
        words=$("${COMP_WORDS[0]}" explain 2>/dev/null | cut -f1)
        cur=$(printf %s "$cur" | tr ew EW)
    elif [[ $command == completion && $prev != --arguments ]]; then
        words="bash zsh fish"
    elif [[ $prev == --plot || ( $command == @(deploy|inspect|match) && -n $spec ) ]]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$cur"))
        return
    else
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -d -- "$cur"; compgen -f -X '!*.arch' -- "$cur"))
        return
    fi
    COMPREPLY=($(compgen -W "${words// /$IFS}" -- "$cur"))
}

complete -F _archdsl archdsl
