#compdef archdsl
# Completion of archdsl for zsh: `eval "$(archdsl completion zsh)"` in ~/.zshrc behind `compinit`,
# or this file as `_archdsl` in a folder of $fpath.

_archdsl() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    _arguments -C \
        '(- *)--help[show the help]' \
        '(- *)--version[show the version]' \
        '1:command:_archdsl_commands' \
        '*::argument:->arguments'
    [[ $state == arguments ]] || return
    curcontext=${curcontext%:*}-$words[1]:
    local set='*--set=[an argument of the network]:argument:_archdsl_arguments'
    local help='(- *)--help[show the help]'
    local columns='parameters macs learned frozen unshared buffers convolutions training_macs deployed_bits activations memory'
    case $words[1] in
        compile)
            _arguments $help $set \
                '--out=[folder to write in]:folder:_directories' \
                '--name=[folder in it]:name:' \
                '--check[write nothing, show what differs]' \
                '--format=[how to print]:format:(text json)' \
                '1:spec:_archdsl_specs'
            ;;
        params)
            _arguments $help $set \
                '--by=[what a row is]:rows:(part block layer phase)' \
                '--symbolic=[print closed forms in these arguments]:arguments:_archdsl_names' \
                '--phase=[a phase of a network that grows]:phase:' \
                '--tensors[list the entries of state_dict]' \
                '--columns=[what to say of each row]:columns:_sequence compadd - kind output blocks parameters learned frozen unshared buffers convolutions macs deployed_bits activations memory reads writes intensity time receptive stride offset' \
                '--batch=[inputs of a training step]:number:' \
                '--precision=[of training]:precision:(float32 bfloat16)' \
                '--device=[what to fit]:device:(a100 h100 h200 l4)' \
                '--format=[how to print]:format:(text json markdown latex csv)' \
                '1:spec:_archdsl_specs'
            ;;
        sweep)
            _arguments $help $set \
                '--where=[keep members that it holds for]:condition:' \
                "--columns=[what is counted]:column:($columns)" \
                '--batch=[inputs of a training step]:number:' \
                "--sort=[a column, or an argument]:column:($columns)" \
                '--reverse[the largest first]' \
                '--top=[members to print]:number:' \
                '--front[mark the Pareto front]' \
                '--plot=[draw it]:file:_files' \
                '--format=[how to print]:format:(text json markdown latex csv)' \
                '1:spec:_archdsl_specs'
            ;;
        fit)
            _arguments $help $set \
                '*--vary=[arguments to choose]:argument:_archdsl_names' \
                '--match=[a network to be matched]:spec:_archdsl_specs' \
                '*--match-set=[an argument of it]:argument:' \
                "--columns=[what is matched]:column:($columns)" \
                '--parameters=[as 5.85e6]:number:' \
                '--macs=[as 4e9]:number:' \
                '--memory=[in bytes, as 16e9]:number:' \
                '--batch=[inputs of a training step]:number:' \
                '--deployed-bits=[as 8e6]:number:' \
                '--within=[fail where no member is so near]:percent:' \
                '--top=[members to print]:number:' \
                '--format=[how to print]:format:(text json markdown latex csv)' \
                '1:spec:_archdsl_specs'
            ;;
        table)
            _arguments $help $set \
                '--symbolic=[numbers as formulas in these arguments]:arguments:_archdsl_names' \
                '--format=[how to print]:format:(text markdown latex html)' \
                '1:spec:_archdsl_specs'
            ;;
        deploy)
            _arguments $help $set \
                '--phase=[a phase of a network that grows]:phase:' \
                '--out=[folder to write in]:folder:_directories' \
                '--name=[folder in it]:name:' \
                '--format=[how to print]:format:(text json)' \
                '1:spec:_archdsl_specs' \
                '2:checkpoint:_files'
            ;;
        inspect)
            _arguments $help $set \
                '--phase=[a phase of a network that grows]:phase:' \
                '--layer=[layers of this name]:pattern:' \
                '--plot=[SVG to write]:file:_files' \
                '--format=[how to print]:format:(text json markdown latex csv)' \
                '1:spec:_archdsl_specs' \
                '*:checkpoint:_files'
            ;;
        match)
            _arguments $help $set \
                '--phase=[a phase of a network that grows]:phase:' \
                '--map=[names to write]:file:_files' \
                '--format=[how to print]:format:(text json)' \
                '1:spec:_archdsl_specs' \
                '2:checkpoint:_files'
            ;;
        diff)
            _arguments $help $set \
                '*--set-old=[an argument of the first network]:argument:_archdsl_arguments' \
                '*--set-new=[an argument of the second network]:argument:_archdsl_arguments' \
                '--by=[what a row is]:rows:(part block layer)' \
                '--exit-code[exit with 1 if something differs]' \
                '--git[as git calls an external diff]' \
                '--textconv[print a line for each layer]' \
                '--format=[how to print]:format:(text json markdown latex csv)' \
                '*:spec:_archdsl_specs'
            ;;
        check)
            _arguments $help \
                '--format=[how to print]:format:(text json github sarif)' \
                '*:spec:_archdsl_specs'
            ;;
        fmt)
            _arguments $help \
                '--check[write nothing, show what differs]' \
                '*:spec:_archdsl_specs'
            ;;
        report)
            _arguments $help \
                '*--published=[errors that papers printed]:figure or file:_files' \
                '--plot=[write curves]:file:_files' \
                '--responses[rank the layers by how much they respond]' \
                '--format=[how to print]:format:(text json markdown latex csv)' \
                '*:run:_directories'
            ;;
        explain)
            _arguments $help '1:code:_archdsl_codes'
            ;;
        completion)
            _arguments $help \
                '--arguments=[list what --set can set]:spec:_archdsl_specs' \
                '1:shell:(bash zsh fish)'
            ;;
    esac
}

_archdsl_commands() {
    local -a commands=(
        'compile:write model.py and train.py'
        'params:print parameters and MACs'
        'sweep:print the numbers of many members'
        'fit:find the members nearest to a budget'
        'table:print the architecture as papers do'
        'deploy:write the deployed network of a checkpoint'
        'inspect:print what checkpoints hold by layer'
        'match:say which entries of a checkpoint fit'
        'diff:say what differs between two networks'
        'check:build every network that an expect is about'
        'fmt:bring specs into canonical form'
        'report:put runs beside each other and beside papers'
        'explain:say what a diagnostic means'
        'completion:print the completion of a shell'
    )
    _describe command commands
}

_archdsl_specs() {
    _files -g '*.arch'
}

_archdsl_arguments() {
    local spec=${words[(r)*.arch]}
    [[ -n $spec ]] || return
    local -a names=(${(f)"$(archdsl completion --arguments $spec 2>/dev/null)"})
    compadd -S '' -a names
}

_archdsl_names() {
    local spec=${words[(r)*.arch]}
    [[ -n $spec ]] || return
    local -a names=(${(f)"$(archdsl completion --arguments $spec 2>/dev/null)"})
    names=(${names%=})
    compadd -a names
}

_archdsl_codes() {
    local -a codes=(${(f)"$(archdsl explain 2>/dev/null)"})
    codes=(${codes//:/\\:})
    codes=(${codes/$'\t'/:})
    _describe code codes
}

if [[ $funcstack[1] == _archdsl ]]; then
    _archdsl "$@"
else
    compdef _archdsl archdsl
fi
